-- title: Projects
-- question: Which kinds of project and which templates do people start from?
-- columns:
--   event: created or template_installed
--   kind: the kind of project, for example crew or flow
--   template: the template's name
--   count: number of events
--   projects: distinct projects, where the release gives them an id
-- published by: projects, count
-- free text: template by projects
-- note: reported by CrewAI since 1.14.2 (templates) and 1.15.18 (projects)
SELECT period, event, kind, template_name AS template, count(*) AS "count", distinct_count(project_id) AS projects
FROM projects
GROUP BY period, event, kind, template_name
ORDER BY period, event, "count" DESC, kind, template
