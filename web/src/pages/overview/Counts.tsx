import { Group, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Schemas } from "@/api/client";
import { count } from "@/components/formats";
import { StateBadge } from "@/components/StateBadge";
import classes from "./overview.module.css";
import { sum } from "./steps";

type Counted = { label: string; to: string; total: number; states: Readonly<Record<string, number>> };

/** How many there are of everything, by state; each leads to its list. */
export function Counts({ overview }: { overview: Schemas["Overview"] }) {
  const { models, configurations, deployments, datasources, results, inferences } = overview;
  const counted: readonly Counted[] = [
    { label: "Models", to: "/models", total: sum(models), states: models },
    { label: "Configurations", to: "/configurations", total: configurations, states: {} },
    { label: "Deployments", to: "/deployments", total: sum(deployments), states: deployments },
    { label: "Data sources", to: "/datasources", total: datasources, states: {} },
    { label: "Results", to: "/results", total: sum(results), states: results },
    { label: "Inference", to: "/inferences", total: sum(inferences), states: inferences },
  ];
  return (
    <ul className={classes.counts} aria-label="How many there are">
      {counted.map(({ label, to, total, states }) => (
        <li key={label} className={classes.count}>
          <Link to={to} className={classes.countLink}>
            <Text span size="xs" className="quiet">
              {label}
            </Text>
            <span className={classes.total}>{count(total)}</span>
          </Link>
          <Group gap={6}>
            {Object.entries(states)
              .filter(([, number]) => number > 0)
              .map(([state, number]) => (
                <Link
                  key={state}
                  to={to}
                  search={{ state }}
                  className={classes.state}
                  aria-label={`${count(number)} ${state} ${label.toLowerCase()}`}
                >
                  <span className="numeric">{count(number)}</span> <StateBadge state={state} size="sm" />
                </Link>
              ))}
          </Group>
        </li>
      ))}
    </ul>
  );
}
