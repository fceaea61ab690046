#include "projections/rebuild/table_settings.h"

namespace hermes::projections {
namespace {

// $1 in all of them: the tables, an array of oids; $2: the schema of the copies.

// -1, and since PostgreSQL 17 null, is the default.
constexpr const char* kSetColumnStatistics = R"sql(
SELECT format('ALTER TABLE %I.%I ALTER COLUMN %I SET STATISTICS %s', $2::text, relname, attname, attstattarget)
FROM pg_attribute
JOIN pg_class class ON class.oid = attrelid
WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND NOT attisdropped AND attstattarget >= 0
)sql";

constexpr const char* kSetColumnOptions = R"sql(
SELECT format('ALTER TABLE %I.%I ALTER COLUMN %I SET (%s)', $2::text, relname, attname, array_to_string(attoptions, ', '))
FROM pg_attribute
JOIN pg_class class ON class.oid = attrelid
WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND NOT attisdropped AND attoptions IS NOT NULL
)sql";

// With LIKE they would get other names. One on a single expression has no kinds.
constexpr const char* kCreateStatistics = R"sql(
SELECT format('CREATE STATISTICS %I.%I%s ON %s FROM %I.%I', $2::text, stxname,
              (SELECT ' (' || string_agg(CASE kind WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies' ELSE 'mcv' END, ', ')
                      || ')'
               FROM unnest(stxkind) kind WHERE kind <> 'e'),
              pg_get_statisticsobjdef_columns(statistics.oid), $2::text, relname)
FROM pg_statistic_ext statistics
JOIN pg_class class ON class.oid = stxrelid
WHERE stxrelid = ANY ($1::oid[])
)sql";

constexpr const char* kSetStatisticsTarget = R"sql(
SELECT format('ALTER STATISTICS %I.%I SET STATISTICS %s', $2::text, stxname, stxstattarget)
FROM pg_statistic_ext
WHERE stxrelid = ANY ($1::oid[]) AND stxstattarget >= 0
)sql";

constexpr const char* kCommentStatistics = R"sql(
SELECT format('COMMENT ON STATISTICS %I.%I IS %L', $2::text, stxname, obj_description(oid, 'pg_statistic_ext'))
FROM pg_statistic_ext
WHERE stxrelid = ANY ($1::oid[]) AND obj_description(oid, 'pg_statistic_ext') IS NOT NULL
)sql";

constexpr const char* kGiveStatisticsToOwners = R"sql(
SELECT format('ALTER STATISTICS %I.%I OWNER TO %I', $2::text, stxname, pg_get_userbyid(stxowner))
FROM pg_statistic_ext
WHERE stxrelid = ANY ($1::oid[]) AND pg_get_userbyid(stxowner) <> current_user
)sql";

constexpr const char* kSetIndexStatistics = R"sql(
SELECT format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s', $2::text, relname, attnum, attstattarget)
FROM pg_index
JOIN pg_class class ON class.oid = indexrelid
JOIN pg_attribute ON attrelid = indexrelid
WHERE indrelid = ANY ($1::oid[]) AND indisvalid AND attstattarget >= 0
)sql";

constexpr const char* kSetReplicaIdentity = R"sql(
SELECT format('ALTER TABLE %I.%I REPLICA IDENTITY %s', $2::text, relname,
              CASE relreplident
                WHEN 'n' THEN 'NOTHING'
                WHEN 'f' THEN 'FULL'
                ELSE (SELECT format('USING INDEX %I', index.relname)
                      FROM pg_index JOIN pg_class index ON index.oid = indexrelid
                      WHERE indrelid = class.oid AND indisreplident) END)
FROM pg_class class
WHERE oid = ANY ($1::oid[]) AND relreplident <> 'd'
)sql";

constexpr const char* kMarkClustered = R"sql(
SELECT format('ALTER TABLE %I.%I CLUSTER ON %I', $2::text, class.relname, index.relname)
FROM pg_index
JOIN pg_class class ON class.oid = indrelid
JOIN pg_class index ON index.oid = indexrelid
WHERE indrelid = ANY ($1::oid[]) AND indisclustered
)sql";

// $3: the schema for those of the tables.
constexpr const char* kExchangeStatistics = R"sql(
SELECT format('ALTER STATISTICS %I.%I SET SCHEMA %I; ALTER STATISTICS %I.%I SET SCHEMA %I', own.nspname, stxname, $3::text,
              $2::text, stxname, own.nspname)
FROM pg_statistic_ext statistics
JOIN pg_class class ON class.oid = stxrelid
JOIN pg_namespace own ON own.oid = stxnamespace
WHERE stxrelid = ANY ($1::oid[])
)sql";

void append(std::vector<std::string>& to, const pqxx::result& rows) {
  for (const auto& row : rows) to.push_back(row[0].as<std::string>());
}

}  // namespace

SettingStatements setting_statements(pqxx::transaction_base& transaction, const std::string& tables,
                                     const std::string& schema) {
  SettingStatements settings;
  for (const char* sql : {kSetColumnStatistics, kSetColumnOptions, kCreateStatistics, kSetStatisticsTarget, kCommentStatistics})
    append(settings.of_bare_tables, transaction.exec_params(sql, tables, schema));
  for (const char* sql : {kGiveStatisticsToOwners, kSetIndexStatistics, kSetReplicaIdentity, kMarkClustered})
    append(settings.of_indexes, transaction.exec_params(sql, tables, schema));
  return settings;
}

std::vector<std::string> exchange_of_statistics(pqxx::transaction_base& transaction, const std::string& tables,
                                                const std::string& schema, const std::string& old_schema) {
  std::vector<std::string> statements;
  append(statements, transaction.exec_params(kExchangeStatistics, tables, schema, old_schema));
  return statements;
}

const char* const kSettingLines = R"sql(
SELECT relname || ' owner ' || pg_get_userbyid(relowner) || ' persistence ' || relpersistence::text || ' method ' || relam
       || ' replica identity ' || relreplident::text || ' tablespace ' || reltablespace
       || ' options ' || coalesce(reloptions::text, '')
       || ' toast ' || coalesce((SELECT toast.reloptions::text FROM pg_class toast WHERE toast.oid = class.reltoastrelid), '')
FROM pg_class class
WHERE oid = ANY ($1::oid[])
UNION ALL
SELECT owner.relname || ' index ' || index.relname || ' tablespace ' || index.reltablespace
       || ' clustered ' || indisclustered || ' identity ' || indisreplident
FROM pg_index
JOIN pg_class index ON index.oid = indexrelid
JOIN pg_class owner ON owner.oid = indrelid
WHERE indrelid = ANY ($1::oid[]) AND indisvalid
UNION ALL
SELECT relname || '.' || attname || ' statistics ' || coalesce(attstattarget, -1) || ' storage ' || attstorage::text
       || ' compression ' || attcompression::text || ' options ' || coalesce(attoptions::text, '')
FROM pg_attribute
JOIN pg_class class ON class.oid = attrelid
WHERE (attrelid = ANY ($1::oid[])
       OR attrelid IN (SELECT indexrelid FROM pg_index WHERE indrelid = ANY ($1::oid[]) AND indisvalid))
  AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT relname || ' statistics ' || stxname || ' ' || stxkind::text || ' ' || coalesce(stxstattarget, -1) || ' '
       || pg_get_statisticsobjdef_columns(statistics.oid) || ' ' || pg_get_userbyid(stxowner) || ' '
       || coalesce(obj_description(statistics.oid, 'pg_statistic_ext'), '')
FROM pg_statistic_ext statistics
JOIN pg_class class ON class.oid = stxrelid
WHERE stxrelid = ANY ($1::oid[])
)sql";

}  // namespace hermes::projections
