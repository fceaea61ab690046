#include "projections/rebuild/table_copy.h"

#include <stdexcept>

#include "eventstore/postgres/array_literal.h"
#include "projections/rebuild/table_settings.h"

namespace hermes::projections {
namespace {

std::string oids(std::span<const LiveTable> tables) {
  postgres::ArrayLiteral list;
  for (const LiveTable& table : tables) list.add(table.oid);
  return list.str();
}

std::vector<std::string> texts(const pqxx::result& rows) {
  std::vector<std::string> list;
  for (const auto& row : rows) list.push_back(row[0].as<std::string>());
  return list;
}

// The tablespace of what `of` is an alias of, by name; 0 is the database's own. Named always, for default_tablespace may be
// another.
std::string tablespace(const std::string& of) {
  return "coalesce((SELECT spcname FROM pg_tablespace WHERE oid = " + of +
         ".reltablespace), (SELECT spcname FROM pg_database JOIN pg_tablespace ON pg_tablespace.oid = dattablespace "
         "WHERE datname = current_database()))";
}

void append(std::vector<std::string>& to, std::vector<std::string> more) {
  for (std::string& text : more) to.push_back(std::move(text));
}

}  // namespace

std::vector<LiveTable> find_tables(pqxx::transaction_base& transaction, std::span<const std::string_view> names) {
  std::vector<LiveTable> tables;
  for (std::string_view name : names) {
    const pqxx::result found = transaction.exec_params(
        "SELECT class.oid, nspname, relname FROM pg_class class JOIN pg_namespace namespace ON namespace.oid = relnamespace "
        "WHERE class.oid = to_regclass(quote_ident($1)) AND relkind = 'r'",
        std::string(name));
    if (found.empty()) throw std::runtime_error("there is no table " + std::string(name) + ". Try: hermes migrate");
    tables.push_back({found[0][0].as<std::string>(), found[0][1].as<std::string>(), found[0][2].as<std::string>()});
  }
  return tables;
}

std::vector<std::string> CopyStatements::in_line() const {
  std::vector<std::string> all;
  for (const auto* list :
       {&statistics, &referenced_indexes, &foreign_keys, &referencing_indexes, &checks, &other_indexes, &finish})
    append(all, *list);
  return all;
}

CopyStatements copy_statements(pqxx::transaction_base& transaction, std::span<const LiveTable> tables,
                               const std::string& schema) {
  const std::string all = oids(tables);
  // $1: the tables, $2: the schema. Not every query uses both, and a parameter that is not used has no type.
  const auto query = [&](const std::string& sql) {
    return texts(transaction.exec_params("WITH parameter AS (SELECT $2::text) " + sql, all, schema));
  };
  CopyStatements copy;
  copy.create = query(
      "SELECT format('CREATE %sTABLE %I.%I (LIKE %s INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS) USING %I%s "
      "TABLESPACE %I', "
      "              CASE relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, $2, relname, class.oid::regclass, "
      "              (SELECT amname FROM pg_am WHERE oid = relam), "
      "              (SELECT ' WITH (' || string_agg(option, ', ') || ')' FROM (SELECT unnest(class.reloptions) UNION ALL "
      "               SELECT 'toast.' || unnest(toast.reloptions) FROM pg_class toast WHERE toast.oid = class.reltoastrelid) "
      "               AS options (option)), " +
      tablespace("class") +
      ") "
      "FROM unnest($1::oid[]) WITH ORDINALITY AS wanted (oid, place) JOIN pg_class class ON class.oid = wanted.oid ORDER BY "
      "place");
  SettingStatements settings = setting_statements(transaction, all, schema);
  append(copy.create, std::move(settings.of_bare_tables));
  // pg_get_indexdef() qualifies the table it names. The costliest to sort first, so that what is left
  // for the end is small.
  const auto indexes = [&](const std::string& which) {
    return query("SELECT format('SET LOCAL default_tablespace = %L; ', " + tablespace("index") +
                 ") || replace(pg_get_indexdef(indexrelid), format(' ON %I.%I USING ', nspname, owner.relname), "
                 "               format(' ON %I.%I USING ', $2, owner.relname)) "
                 "FROM pg_index JOIN pg_class index ON index.oid = indexrelid JOIN pg_class owner ON owner.oid = indrelid JOIN "
                 "pg_namespace namespace ON namespace.oid = owner.relnamespace "
                 "WHERE indrelid = ANY ($1::oid[]) AND indisvalid AND " +
                 which +
                 " ORDER BY pg_relation_size(indrelid) DESC, indnkeyatts DESC, pg_relation_size(indexrelid) DESC, indexrelid");
  };
  const auto of_foreign_key = [](const std::string& which) {
    return "EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY ($1::oid[]) AND " + which + ")";
  };
  const std::string referenced = of_foreign_key("conindid = indexrelid");
  const std::string referencing = of_foreign_key("conrelid = indrelid");
  copy.statistics = query(
      "SELECT format('ANALYZE %I.%I', $2, relname) FROM (SELECT oid AS indrelid, relname FROM pg_class) class "
      "WHERE indrelid = ANY ($1::oid[]) ORDER BY " +
      referencing + " DESC, pg_relation_size(indrelid) DESC, indrelid");
  copy.referenced_indexes = indexes(referenced);
  copy.referencing_indexes = indexes("NOT " + referenced + " AND " + referencing);
  copy.other_indexes = indexes("NOT " + referenced + " AND NOT " + referencing);
  // The definition names the other table without its schema, so the search_path finds the copy.
  copy.foreign_keys = query(
      "SELECT format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', $2, relname, conname, pg_get_constraintdef(con.oid)) "
      "       || CASE WHEN convalidated THEN ' NOT VALID' ELSE '' END "
      "FROM pg_constraint con JOIN pg_class class ON class.oid = conrelid "
      "WHERE conrelid = ANY ($1::oid[]) AND contype = 'f' ORDER BY conname");
  copy.checks = query(
      "SELECT format('ALTER TABLE %I.%I VALIDATE CONSTRAINT %I', $2, relname, conname) "
      "FROM pg_constraint con JOIN pg_class class ON class.oid = conrelid "
      "WHERE conrelid = ANY ($1::oid[]) AND contype = 'f' AND convalidated ORDER BY conname");
  append(copy.finish,
         query("SELECT format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s USING INDEX %I%s', $2, relname, conname, "
               "  CASE contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END, conname, "
               "  CASE WHEN condeferrable THEN ' DEFERRABLE' || CASE WHEN condeferred THEN ' INITIALLY DEFERRED' ELSE '' END "
               "       ELSE '' END) "
               "FROM pg_constraint JOIN pg_class class ON class.oid = conrelid "
               "WHERE conrelid = ANY ($1::oid[]) AND contype IN ('p', 'u') ORDER BY contype, conname"));
  append(copy.finish, std::move(settings.of_indexes));
  // The tables' statistics are older than their indexes; what is indexed by an expression has statistics of its own.
  append(copy.finish, query("SELECT format('ANALYZE %I.%I', $2, relname) FROM pg_class class WHERE oid = ANY ($1::oid[]) "
                            "AND EXISTS (SELECT FROM pg_index WHERE indrelid = class.oid AND indexprs IS NOT NULL)"));
  append(copy.finish, query("SELECT format('COMMENT ON TABLE %I.%I IS %L', $2, relname, description) "
                            "FROM pg_description JOIN pg_class class ON class.oid = objoid "
                            "WHERE classoid = 'pg_class'::regclass AND objoid = ANY ($1::oid[]) AND objsubid = 0"));
  append(copy.finish,
         query("SELECT format('COMMENT ON INDEX %I.%I IS %L', $2, relname, description) "
               "FROM pg_description JOIN pg_index ON indexrelid = objoid JOIN pg_class class ON class.oid = indexrelid "
               "WHERE classoid = 'pg_class'::regclass AND indrelid = ANY ($1::oid[])"));
  append(copy.finish,
         query("SELECT format('COMMENT ON CONSTRAINT %I ON %I.%I IS %L', conname, $2, relname, description) "
               "FROM pg_description JOIN pg_constraint con ON con.oid = objoid JOIN pg_class class ON class.oid = conrelid "
               "WHERE classoid = 'pg_constraint'::regclass AND conrelid = ANY ($1::oid[]) AND contype <> 'c'"));
  append(copy.finish,
         query("SELECT format('ALTER TABLE %I.%I OWNER TO %I', $2, relname, pg_get_userbyid(relowner)) FROM pg_class "
               "WHERE oid = ANY ($1::oid[]) AND relowner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)"));
  // A table made now gets what ALTER DEFAULT PRIVILEGES says: that goes, the original's grants come.
  append(copy.finish,
         query("SELECT format('REVOKE ALL ON %I.%I FROM PUBLIC', $2, relname) || coalesce((SELECT string_agg(DISTINCT "
               "  format('; REVOKE ALL ON %I.%I FROM %I', $2, relname, pg_get_userbyid(grantee)), '') "
               "  FROM pg_default_acl, aclexplode(defaclacl) WHERE grantee NOT IN (0, relowner)), '') "
               "FROM pg_class WHERE oid = ANY ($1::oid[]) AND relacl IS NOT NULL"));
  append(copy.finish, query("SELECT format('GRANT %s ON %I.%I TO %s%s', privilege_type, $2, relname, "
                            "  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, "
                            "  CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) "
                            "FROM pg_class, aclexplode(relacl) WHERE oid = ANY ($1::oid[])"));
  append(copy.finish, query("SELECT format('GRANT %s (%I) ON %I.%I TO %s%s', privilege_type, attname, $2, relname, "
                            "  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, "
                            "  CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) "
                            "FROM pg_attribute JOIN pg_class class ON class.oid = attrelid, aclexplode(attacl) "
                            "WHERE attrelid = ANY ($1::oid[])"));
  return copy;
}

Dependents find_dependents(pqxx::transaction_base& transaction, std::span<const LiveTable> tables) {
  const std::string all = oids(tables);
  Dependents dependents;
  for (const auto& row : transaction.exec_params(
           "SELECT DISTINCT format('%I.%I', nspname, view.relname), quote_ident(pg_get_userbyid(view.relowner)), "
           "  format('CREATE OR REPLACE VIEW %I.%I%s AS %s', nspname, view.relname, "
           "         ' WITH (' || array_to_string(view.reloptions, ', ') || ')', pg_get_viewdef(view.oid)) "
           "FROM pg_depend JOIN pg_rewrite rule ON rule.oid = objid JOIN pg_class view ON view.oid = ev_class AND view.relkind "
           "= 'v' "
           "JOIN pg_namespace namespace ON namespace.oid = view.relnamespace "
           "WHERE classid = 'pg_rewrite'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = ANY ($1::oid[])",
           all)) {
    dependents.views.push_back({row[0].as<std::string>(), row[1].as<std::string>(), row[2].as<std::string>()});
  }
  dependents.in_the_way = texts(transaction.exec_params(
      "SELECT DISTINCT pg_describe_object(classid, objid, 0) FROM pg_depend "
      "WHERE ((refclassid = 'pg_class'::regclass AND refobjid = ANY ($1::oid[])) "
      "    OR (refclassid = 'pg_type'::regclass AND refobjid IN (SELECT reltype FROM pg_class WHERE oid = ANY ($1::oid[])))) "
      "AND CASE classid "
      "  WHEN 'pg_class'::regclass THEN (SELECT relkind NOT IN ('i', 't') FROM pg_class WHERE oid = objid) "
      "  WHEN 'pg_constraint'::regclass THEN (SELECT conrelid <> ALL ($1::oid[]) FROM pg_constraint WHERE oid = objid) "
      "  WHEN 'pg_rewrite'::regclass THEN (SELECT relkind <> 'v' FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class "
      "                                    WHERE pg_rewrite.oid = objid) "
      "  WHEN 'pg_trigger'::regclass THEN (SELECT NOT tgisinternal FROM pg_trigger WHERE oid = objid) "
      "  ELSE classid NOT IN ('pg_attrdef'::regclass, 'pg_type'::regclass, 'pg_statistic_ext'::regclass) END "
      "UNION SELECT 'publication ' || pubname FROM pg_publication_rel JOIN pg_publication publication ON publication.oid = "
      "prpubid "
      "  WHERE prrelid = ANY ($1::oid[]) "
      "UNION SELECT 'row-level security of ' || relname FROM pg_class WHERE oid = ANY ($1::oid[]) "
      "  AND (relrowsecurity OR relforcerowsecurity) "
      "UNION SELECT 'exclusion constraint ' || conname FROM pg_constraint WHERE conrelid = ANY ($1::oid[]) AND contype = 'x' "
      "UNION SELECT 'security label of ' || objoid::regclass FROM pg_seclabel WHERE classoid = 'pg_class'::regclass "
      "  AND objoid = ANY ($1::oid[]) "
      "UNION SELECT 'view ' || view.oid::regclass || ', whose owner is ' || pg_get_userbyid(view.relowner) "
      "  FROM pg_depend JOIN pg_rewrite rule ON rule.oid = objid JOIN pg_class view ON view.oid = ev_class AND view.relkind = "
      "'v' "
      "  WHERE classid = 'pg_rewrite'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = ANY ($1::oid[]) "
      "    AND NOT pg_has_role(view.relowner, 'USAGE') "
      "ORDER BY 1",
      all));
  dependents.publications = texts(transaction.exec_params(
      "SELECT pubname FROM pg_publication WHERE puballtables UNION SELECT pubname FROM pg_publication JOIN "
      "pg_publication_namespace "
      "ON pnpubid = pg_publication.oid JOIN pg_class ON relnamespace = pnnspid WHERE pg_class.oid = ANY ($1::oid[]) ORDER BY 1",
      all));
  return dependents;
}

std::string describe(pqxx::transaction_base& transaction, std::span<const LiveTable> tables) {
  const pqxx::result rows = transaction.exec_params(
      "SELECT line FROM ("
      "  SELECT relname || ' grants ' || privilege_type || ' to ' || grantee || ' ' || is_grantable "
      "  FROM pg_class, aclexplode(relacl) WHERE oid = ANY ($1::oid[]) "
      "  UNION ALL SELECT relname || '.' || attname || ' grants ' || privilege_type || ' to ' || grantee || ' ' || "
      "is_grantable "
      "  FROM pg_attribute JOIN pg_class class ON class.oid = attrelid, aclexplode(attacl) WHERE attrelid = ANY ($1::oid[]) "
      "  UNION ALL SELECT relname || ' ' || objsubid || ' comment ' || description "
      "  FROM pg_description JOIN pg_class class ON class.oid = objoid WHERE objoid = ANY ($1::oid[]) AND classoid = "
      "'pg_class'::regclass "
      "  UNION ALL SELECT owner.relname || ' index ' || class.relname || ' ' || "
      "    split_part(pg_get_indexdef(indexrelid), ' USING ', 2) || ' ' || indisunique "
      "  FROM pg_index JOIN pg_class class ON class.oid = indexrelid JOIN pg_class owner ON owner.oid = indrelid "
      "  WHERE indrelid = ANY ($1::oid[]) AND indisvalid "
      "  UNION ALL SELECT relname || ' constraint ' || conname || ' ' || contype::text "
      "  FROM pg_constraint JOIN pg_class class ON class.oid = conrelid WHERE conrelid = ANY ($1::oid[]) "
      "  UNION ALL SELECT relname || '.' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull || ' ' || "
      "    row_number() OVER (PARTITION BY attrelid ORDER BY attnum) "
      "  FROM pg_attribute JOIN pg_class class ON class.oid = attrelid "
      "  WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND NOT attisdropped "
      "  UNION ALL " +
          std::string(kSettingLines) + ") AS lines (line) ORDER BY 1",
      oids(tables));
  std::string text;
  for (const auto& row : rows) text += row[0].as<std::string>() + "\n";
  return text;
}

}  // namespace hermes::projections
