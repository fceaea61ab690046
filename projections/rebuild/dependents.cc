#include "projections/rebuild/dependents.h"

namespace hermes::projections {
namespace {

// $1 in all of them: the tables, an array of oids.

constexpr const char* kViews = R"sql(
SELECT DISTINCT format('%I.%I', nspname, view.relname), quote_ident(pg_get_userbyid(view.relowner)),
       format('CREATE OR REPLACE VIEW %I.%I%s AS %s', nspname, view.relname,
              ' WITH (' || array_to_string(view.reloptions, ', ') || ')', pg_get_viewdef(view.oid))
FROM pg_depend
JOIN pg_rewrite rule ON rule.oid = objid
JOIN pg_class view ON view.oid = ev_class AND view.relkind = 'v'
JOIN pg_namespace namespace ON namespace.oid = view.relnamespace
WHERE classid = 'pg_rewrite'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = ANY ($1::oid[])
)sql";

constexpr const char* kInTheWay = R"sql(
SELECT DISTINCT pg_describe_object(classid, objid, 0)
FROM pg_depend
WHERE ((refclassid = 'pg_class'::regclass AND refobjid = ANY ($1::oid[]))
       OR (refclassid = 'pg_type'::regclass AND refobjid IN (SELECT reltype FROM pg_class WHERE oid = ANY ($1::oid[]))))
  AND CASE classid
        WHEN 'pg_class'::regclass THEN (SELECT relkind NOT IN ('i', 't') FROM pg_class WHERE oid = objid)
        WHEN 'pg_constraint'::regclass THEN (SELECT conrelid <> ALL ($1::oid[]) FROM pg_constraint WHERE oid = objid)
        WHEN 'pg_rewrite'::regclass THEN (SELECT relkind <> 'v' FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class
                                          WHERE pg_rewrite.oid = objid)
        WHEN 'pg_trigger'::regclass THEN (SELECT NOT tgisinternal FROM pg_trigger WHERE oid = objid)
        ELSE classid NOT IN ('pg_attrdef'::regclass, 'pg_type'::regclass, 'pg_statistic_ext'::regclass) END
UNION
SELECT 'publication ' || pubname
FROM pg_publication_rel
JOIN pg_publication publication ON publication.oid = prpubid
WHERE prrelid = ANY ($1::oid[])
UNION
SELECT 'row-level security of ' || relname
FROM pg_class
WHERE oid = ANY ($1::oid[]) AND (relrowsecurity OR relforcerowsecurity)
UNION
SELECT 'exclusion constraint ' || conname
FROM pg_constraint
WHERE conrelid = ANY ($1::oid[]) AND contype = 'x'
UNION
SELECT 'security label of ' || objoid::regclass
FROM pg_seclabel
WHERE classoid = 'pg_class'::regclass AND objoid = ANY ($1::oid[])
UNION
SELECT 'view ' || view.oid::regclass || ', whose owner is ' || pg_get_userbyid(view.relowner)
FROM pg_depend
JOIN pg_rewrite rule ON rule.oid = objid
JOIN pg_class view ON view.oid = ev_class AND view.relkind = 'v'
WHERE classid = 'pg_rewrite'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = ANY ($1::oid[])
  AND NOT pg_has_role(view.relowner, 'USAGE')
ORDER BY 1
)sql";

constexpr const char* kPublications = R"sql(
SELECT pubname FROM pg_publication WHERE puballtables
UNION
SELECT pubname
FROM pg_publication
JOIN pg_publication_namespace ON pnpubid = pg_publication.oid
JOIN pg_class ON relnamespace = pnnspid
WHERE pg_class.oid = ANY ($1::oid[])
ORDER BY 1
)sql";

}  // namespace

Dependents find_dependents(pqxx::transaction_base& transaction, std::span<const LiveTable> tables) {
  const std::string all = oids(tables);
  const auto query = [&](const char* sql) { return transaction.exec_params(sql, all); };
  Dependents dependents;
  for (const auto& row : query(kViews))
    dependents.views.push_back({row[0].as<std::string>(), row[1].as<std::string>(), row[2].as<std::string>()});
  for (const auto& row : query(kInTheWay)) dependents.in_the_way.push_back(row[0].as<std::string>());
  for (const auto& row : query(kPublications)) dependents.publications.push_back(row[0].as<std::string>());
  return dependents;
}

}  // namespace hermes::projections
