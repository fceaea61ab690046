#include "projections/rebuild/table_copy.h"

#include <stdexcept>

#include "eventstore/postgres/array_literal.h"
#include "projections/rebuild/table_settings.h"

namespace hermes::projections {
namespace {

// The statements are made from the catalogs, each a format() over the tables $1, an array of oids, for the schema $2. Those of
// a CREATE name the tablespace always, for default_tablespace may be another; reltablespace 0 is the database's own.

constexpr const char* kCreateTables = R"sql(
SELECT format('CREATE %sTABLE %I.%I (LIKE %s INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS) USING %I%s TABLESPACE %I',
              CASE relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, $2::text, relname, class.oid::regclass,
              (SELECT amname FROM pg_am WHERE oid = relam),
              (SELECT ' WITH (' || string_agg(option, ', ') || ')'
               FROM (SELECT unnest(class.reloptions)
                     UNION ALL
                     SELECT 'toast.' || unnest(toast.reloptions) FROM pg_class toast WHERE toast.oid = class.reltoastrelid)
                    AS options (option)),
              coalesce((SELECT spcname FROM pg_tablespace WHERE oid = class.reltablespace),
                       (SELECT spcname FROM pg_database JOIN pg_tablespace ON pg_tablespace.oid = dattablespace
                        WHERE datname = current_database())))
FROM unnest($1::oid[]) WITH ORDINALITY AS wanted (oid, place)
JOIN pg_class class ON class.oid = wanted.oid
ORDER BY place
)sql";

constexpr const char* kGatherStatistics = R"sql(
SELECT format('ANALYZE %I.%I', $2::text, relname)
FROM pg_class class
WHERE oid = ANY ($1::oid[])
ORDER BY EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = class.oid) DESC, pg_relation_size(oid) DESC, oid
)sql";

// With each, whether a foreign key points to it, and whether its table has one. pg_get_indexdef() qualifies the table it names.
// The costliest to sort first, so that what is left for the end is small.
constexpr const char* kCreateIndexes = R"sql(
SELECT format('SET LOCAL default_tablespace = %L; ',
              coalesce((SELECT spcname FROM pg_tablespace WHERE oid = index.reltablespace),
                       (SELECT spcname FROM pg_database JOIN pg_tablespace ON pg_tablespace.oid = dattablespace
                        WHERE datname = current_database())))
       || replace(pg_get_indexdef(indexrelid), format(' ON %I.%I USING ', nspname, owner.relname),
                  format(' ON %I.%I USING ', $2::text, owner.relname)),
       EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY ($1::oid[]) AND conindid = indexrelid),
       EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = indrelid)
FROM pg_index
JOIN pg_class index ON index.oid = indexrelid
JOIN pg_class owner ON owner.oid = indrelid
JOIN pg_namespace namespace ON namespace.oid = owner.relnamespace
WHERE indrelid = ANY ($1::oid[]) AND indisvalid
ORDER BY pg_relation_size(indrelid) DESC, indnkeyatts DESC, pg_relation_size(indexrelid) DESC, indexrelid
)sql";

// The definition names the other table without its schema, so the search_path finds the copy.
constexpr const char* kAddForeignKeys = R"sql(
SELECT format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', $2::text, relname, conname, pg_get_constraintdef(con.oid))
       || CASE WHEN convalidated THEN ' NOT VALID' ELSE '' END
FROM pg_constraint con
JOIN pg_class class ON class.oid = conrelid
WHERE conrelid = ANY ($1::oid[]) AND contype = 'f'
ORDER BY conname
)sql";

constexpr const char* kCheckForeignKeys = R"sql(
SELECT format('ALTER TABLE %I.%I VALIDATE CONSTRAINT %I', $2::text, relname, conname)
FROM pg_constraint con
JOIN pg_class class ON class.oid = conrelid
WHERE conrelid = ANY ($1::oid[]) AND contype = 'f' AND convalidated
ORDER BY conname
)sql";

constexpr const char* kAddKeys = R"sql(
SELECT format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s USING INDEX %I%s', $2::text, relname, conname,
              CASE contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END, conname,
              CASE WHEN condeferrable
                   THEN ' DEFERRABLE' || CASE WHEN condeferred THEN ' INITIALLY DEFERRED' ELSE '' END
                   ELSE '' END)
FROM pg_constraint
JOIN pg_class class ON class.oid = conrelid
WHERE conrelid = ANY ($1::oid[]) AND contype IN ('p', 'u')
ORDER BY contype, conname
)sql";

// The tables' statistics are older than their indexes; what is indexed by an expression has statistics of its own.
constexpr const char* kGatherStatisticsOfExpressions = R"sql(
SELECT format('ANALYZE %I.%I', $2::text, relname)
FROM pg_class class
WHERE oid = ANY ($1::oid[]) AND EXISTS (SELECT FROM pg_index WHERE indrelid = class.oid AND indexprs IS NOT NULL)
)sql";

constexpr const char* kCommentTables = R"sql(
SELECT format('COMMENT ON TABLE %I.%I IS %L', $2::text, relname, description)
FROM pg_description
JOIN pg_class class ON class.oid = objoid
WHERE classoid = 'pg_class'::regclass AND objoid = ANY ($1::oid[]) AND objsubid = 0
)sql";

constexpr const char* kCommentIndexes = R"sql(
SELECT format('COMMENT ON INDEX %I.%I IS %L', $2::text, relname, description)
FROM pg_description
JOIN pg_index ON indexrelid = objoid
JOIN pg_class class ON class.oid = indexrelid
WHERE classoid = 'pg_class'::regclass AND indrelid = ANY ($1::oid[])
)sql";

constexpr const char* kCommentConstraints = R"sql(
SELECT format('COMMENT ON CONSTRAINT %I ON %I.%I IS %L', conname, $2::text, relname, description)
FROM pg_description
JOIN pg_constraint con ON con.oid = objoid
JOIN pg_class class ON class.oid = conrelid
WHERE classoid = 'pg_constraint'::regclass AND conrelid = ANY ($1::oid[]) AND contype <> 'c'
)sql";

constexpr const char* kGiveToOwners = R"sql(
SELECT format('ALTER TABLE %I.%I OWNER TO %I', $2::text, relname, pg_get_userbyid(relowner))
FROM pg_class
WHERE oid = ANY ($1::oid[]) AND relowner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
)sql";

// A table made now gets what ALTER DEFAULT PRIVILEGES says: that goes, the original's grants come.
constexpr const char* kRevokeDefaults = R"sql(
SELECT format('REVOKE ALL ON %I.%I FROM PUBLIC', $2::text, relname)
       || coalesce((SELECT string_agg(DISTINCT format('; REVOKE ALL ON %I.%I FROM %I', $2::text, relname, pg_get_userbyid(grantee)),
                                      '')
                    FROM pg_default_acl, aclexplode(defaclacl)
                    WHERE grantee NOT IN (0, relowner)), '')
FROM pg_class
WHERE oid = ANY ($1::oid[]) AND relacl IS NOT NULL
)sql";

constexpr const char* kGrantTables = R"sql(
SELECT format('GRANT %s ON %I.%I TO %s%s', privilege_type, $2::text, relname,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
              CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_class, aclexplode(relacl)
WHERE oid = ANY ($1::oid[])
)sql";

constexpr const char* kGrantColumns = R"sql(
SELECT format('GRANT %s (%I) ON %I.%I TO %s%s', privilege_type, attname, $2::text, relname,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
              CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_attribute
JOIN pg_class class ON class.oid = attrelid, aclexplode(attacl)
WHERE attrelid = ANY ($1::oid[])
)sql";

// What describe() tells beside the settings (kSettingLines).
constexpr const char* kLines = R"sql(
SELECT relname || ' grants ' || privilege_type || ' to ' || grantee || ' ' || is_grantable
FROM pg_class, aclexplode(relacl)
WHERE oid = ANY ($1::oid[])
UNION ALL
SELECT relname || '.' || attname || ' grants ' || privilege_type || ' to ' || grantee || ' ' || is_grantable
FROM pg_attribute
JOIN pg_class class ON class.oid = attrelid, aclexplode(attacl)
WHERE attrelid = ANY ($1::oid[])
UNION ALL
SELECT relname || ' ' || objsubid || ' comment ' || description
FROM pg_description
JOIN pg_class class ON class.oid = objoid
WHERE objoid = ANY ($1::oid[]) AND classoid = 'pg_class'::regclass
UNION ALL
SELECT owner.relname || ' index ' || class.relname || ' '
       || split_part(pg_get_indexdef(indexrelid), ' USING ', 2) || ' ' || indisunique
FROM pg_index
JOIN pg_class class ON class.oid = indexrelid
JOIN pg_class owner ON owner.oid = indrelid
WHERE indrelid = ANY ($1::oid[]) AND indisvalid
UNION ALL
SELECT relname || ' constraint ' || conname || ' ' || contype::text
FROM pg_constraint
JOIN pg_class class ON class.oid = conrelid
WHERE conrelid = ANY ($1::oid[])
UNION ALL
SELECT relname || '.' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull || ' '
       || row_number() OVER (PARTITION BY attrelid ORDER BY attnum)
FROM pg_attribute
JOIN pg_class class ON class.oid = attrelid
WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND NOT attisdropped
)sql";

std::vector<std::string> texts(const pqxx::result& rows) {
  std::vector<std::string> list;
  for (const auto& row : rows) list.push_back(row[0].as<std::string>());
  return list;
}

void append(std::vector<std::string>& to, std::vector<std::string> more) {
  for (std::string& text : more) to.push_back(std::move(text));
}

}  // namespace

std::string oids(std::span<const LiveTable> tables) {
  postgres::ArrayLiteral list;
  for (const LiveTable& table : tables) list.add(table.oid);
  return list.str();
}

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
  const auto query = [&](const char* sql) { return texts(transaction.exec_params(sql, all, schema)); };
  SettingStatements settings = setting_statements(transaction, all, schema);
  CopyStatements copy;
  copy.create = query(kCreateTables);
  append(copy.create, std::move(settings.of_bare_tables));
  copy.statistics = query(kGatherStatistics);
  for (const auto& row : transaction.exec_params(kCreateIndexes, all, schema)) {
    const bool is_referenced = row[1].as<bool>();
    const bool is_referencing = row[2].as<bool>();
    auto& list = is_referenced ? copy.referenced_indexes : is_referencing ? copy.referencing_indexes : copy.other_indexes;
    list.push_back(row[0].as<std::string>());
  }
  copy.foreign_keys = query(kAddForeignKeys);
  copy.checks = query(kCheckForeignKeys);
  append(copy.finish, query(kAddKeys));
  append(copy.finish, std::move(settings.of_indexes));
  for (const char* sql : {kGatherStatisticsOfExpressions, kCommentTables, kCommentIndexes, kCommentConstraints, kGiveToOwners,
                          kRevokeDefaults, kGrantTables, kGrantColumns})
    append(copy.finish, query(sql));
  return copy;
}

std::string describe(pqxx::transaction_base& transaction, std::span<const LiveTable> tables) {
  const std::string sql =
      std::string("SELECT line FROM (") + kLines + "UNION ALL" + kSettingLines + ") AS lines (line) ORDER BY 1";
  std::string text;
  for (const auto& row : transaction.exec_params(sql, oids(tables))) text += row[0].as<std::string>() + "\n";
  return text;
}

}  // namespace hermes::projections
