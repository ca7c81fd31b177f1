import { Text } from "@mantine/core";
import type { Schemas } from "@/api/client";
import { LinkAnchor } from "@/components/links";
import { Section } from "@/components/Section";
import { StateBadge } from "@/components/StateBadge";
import { nameOf, pageOf } from "@/pages/events/sentences";
import classes from "./overview.module.css";

/** What failed, or waits for a reason: each with its reason, and a link to where more is known. */
export function Troubles({ troubles }: { troubles: readonly Schemas["Trouble"][] }) {
  return (
    <Section title="What failed or waits">
      {troubles.length === 0 ? (
        <Text size="sm" className="quiet">
          Nothing. What fails, or can't go on, is listed here with its reason.
        </Text>
      ) : (
        <ul className={classes.lines}>
          {troubles.map(({ resource, id, ...trouble }) => (
            <li key={`${resource}/${id}`} className={classes.trouble}>
              <div className={classes.troubleHead}>
                <LinkAnchor to={pageOf(`${resource}/${id}`) ?? "/"} size="sm" fw={550}>
                  {trouble.name}
                </LinkAnchor>
                <Text span size="xs" className="quiet">
                  {nameOf(`${resource}/${id}`)}
                </Text>
                <StateBadge state={trouble.state} size="sm" />
              </div>
              <Text size="sm" lineClamp={3}>
                {trouble.message}
              </Text>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
