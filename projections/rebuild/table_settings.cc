#include "projections/rebuild/table_settings.h"

namespace hermes::projections {
namespace {

void append(std::vector<std::string>& to, const pqxx::result& rows) {
  for (const auto& row : rows) to.push_back(row[0].as<std::string>());
}

// Those of the tables, with their own schema and the table's name.
constexpr const char* kStatistics =
    "FROM pg_statistic_ext statistics JOIN pg_class class ON class.oid = stxrelid JOIN pg_namespace own ON own.oid = "
    "stxnamespace "
    "WHERE stxrelid = ANY ($1::oid[]) ";

}  // namespace

SettingStatements setting_statements(pqxx::transaction_base& transaction, const std::string& tables,
                                     const std::string& schema) {
  const auto query = [&](const std::string& sql) {
    return transaction.exec_params("WITH parameter AS (SELECT $2::text) " + sql, tables, schema);
  };
  const std::string of_columns =
      "FROM pg_attribute JOIN pg_class class ON class.oid = attrelid "
      "WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND NOT attisdropped AND ";
  SettingStatements settings;
  // -1, and since PostgreSQL 17 null, is the default.
  append(settings.of_bare_tables,
         query("SELECT format('ALTER TABLE %I.%I ALTER COLUMN %I SET STATISTICS %s', $2, relname, attname, attstattarget) " +
               of_columns + "attstattarget >= 0"));
  append(settings.of_bare_tables, query("SELECT format('ALTER TABLE %I.%I ALTER COLUMN %I SET (%s)', $2, relname, attname, "
                                        "array_to_string(attoptions, ', ')) " +
                                        of_columns + "attoptions IS NOT NULL"));
  // With LIKE they would get other names. One on a single expression has no kinds.
  append(
      settings.of_bare_tables,
      query(
          "SELECT format('CREATE STATISTICS %I.%I%s ON %s FROM %I.%I', $2, stxname, "
          "  (SELECT ' (' || string_agg(CASE kind WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies' ELSE 'mcv' END, ', ') "
          "   || ')' FROM unnest(stxkind) kind WHERE kind <> 'e'), "
          "  pg_get_statisticsobjdef_columns(statistics.oid), $2, relname) " +
          std::string(kStatistics)));
  append(settings.of_bare_tables,
         query("SELECT format('ALTER STATISTICS %I.%I SET STATISTICS %s', $2, stxname, stxstattarget) " +
               std::string(kStatistics) + "AND stxstattarget >= 0"));
  append(settings.of_bare_tables,
         query("SELECT format('COMMENT ON STATISTICS %I.%I IS %L', $2, stxname, obj_description(statistics.oid, "
               "'pg_statistic_ext')) " +
               std::string(kStatistics) + "AND obj_description(statistics.oid, 'pg_statistic_ext') IS NOT NULL"));
  append(settings.of_indexes,
         query("SELECT format('ALTER STATISTICS %I.%I OWNER TO %I', $2, stxname, pg_get_userbyid(stxowner)) " +
               std::string(kStatistics) + "AND pg_get_userbyid(stxowner) <> current_user"));
  append(settings.of_indexes,
         query("SELECT format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s', $2, relname, attnum, attstattarget) "
               "FROM pg_index JOIN pg_class class ON class.oid = indexrelid JOIN pg_attribute ON attrelid = indexrelid "
               "WHERE indrelid = ANY ($1::oid[]) AND indisvalid AND attstattarget >= 0"));
  append(settings.of_indexes,
         query("SELECT format('ALTER TABLE %I.%I REPLICA IDENTITY %s', $2, relname, CASE relreplident WHEN 'n' THEN 'NOTHING' "
               "  WHEN 'f' THEN 'FULL' ELSE (SELECT format('USING INDEX %I', index.relname) FROM pg_index JOIN pg_class index "
               "  ON index.oid = indexrelid WHERE indrelid = class.oid AND indisreplident) END) "
               "FROM pg_class class WHERE oid = ANY ($1::oid[]) AND relreplident <> 'd'"));
  append(settings.of_indexes,
         query("SELECT format('ALTER TABLE %I.%I CLUSTER ON %I', $2, class.relname, index.relname) "
               "FROM pg_index JOIN pg_class class ON class.oid = indrelid JOIN pg_class index ON index.oid = indexrelid "
               "WHERE indrelid = ANY ($1::oid[]) AND indisclustered"));
  return settings;
}

std::vector<std::string> exchange_of_statistics(pqxx::transaction_base& transaction, const std::string& tables,
                                                const std::string& schema, const std::string& old_schema) {
  std::vector<std::string> statements;
  append(statements,
         transaction.exec_params(
             "SELECT format('ALTER STATISTICS %I.%I SET SCHEMA %I; ALTER STATISTICS %I.%I SET SCHEMA %I', own.nspname, "
             "stxname, $3::text, $2::text, stxname, own.nspname) " +
                 std::string(kStatistics),
             tables, schema, old_schema));
  return statements;
}

const char* const kSettingLines =
    "SELECT relname || ' owner ' || pg_get_userbyid(relowner) || ' persistence ' || relpersistence::text || ' method ' || "
    "relam || "
    "  ' replica identity ' || relreplident::text || ' tablespace ' || reltablespace || ' options ' || "
    "coalesce(reloptions::text, '') || "
    "  ' toast ' || coalesce((SELECT toast.reloptions::text FROM pg_class toast WHERE toast.oid = class.reltoastrelid), '') "
    "FROM pg_class class WHERE oid = ANY ($1::oid[]) "
    "UNION ALL SELECT owner.relname || ' index ' || index.relname || ' tablespace ' || index.reltablespace || ' clustered ' || "
    "  indisclustered || ' identity ' || indisreplident "
    "FROM pg_index JOIN pg_class index ON index.oid = indexrelid JOIN pg_class owner ON owner.oid = indrelid "
    "WHERE indrelid = ANY ($1::oid[]) AND indisvalid "
    "UNION ALL SELECT relname || '.' || attname || ' statistics ' || coalesce(attstattarget, -1) || ' storage ' || "
    "attstorage::text || "
    "  ' compression ' || attcompression::text || ' options ' || coalesce(attoptions::text, '') "
    "FROM pg_attribute JOIN pg_class class ON class.oid = attrelid "
    "WHERE (attrelid = ANY ($1::oid[]) OR attrelid IN (SELECT indexrelid FROM pg_index WHERE indrelid = ANY ($1::oid[]) AND "
    "indisvalid)) "
    "  AND attnum > 0 AND NOT attisdropped "
    "UNION ALL SELECT relname || ' statistics ' || stxname || ' ' || stxkind::text || ' ' || coalesce(stxstattarget, -1) || ' "
    "' || "
    "  pg_get_statisticsobjdef_columns(statistics.oid) || ' ' || pg_get_userbyid(stxowner) || ' ' || "
    "  coalesce(obj_description(statistics.oid, 'pg_statistic_ext'), '') "
    "FROM pg_statistic_ext statistics JOIN pg_class class ON class.oid = stxrelid WHERE stxrelid = ANY ($1::oid[])";

}  // namespace hermes::projections
