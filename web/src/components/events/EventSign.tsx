import {
  IconActivity,
  IconAlertCircle,
  IconArrowBackUp,
  IconBrain,
  IconChartLine,
  IconChecks,
  IconDatabase,
  IconPencil,
  IconServerCog,
  IconTerminal2,
  IconTopologyStar3,
  type TablerIcon,
} from "@tabler/icons-react";
import type { LiveEvent } from "@/api/live";
import { toneOf } from "@/pages/events/sentences";
import classes from "./events.module.css";

const ICONS: readonly (readonly [prefix: string, icon: TablerIcon])[] = [
  ["kafka-ml.model.", IconBrain],
  ["kafka-ml.draft.", IconPencil],
  ["kafka-ml.stream.", IconDatabase],
  ["kafka-ml.training.finished", IconChecks],
  ["kafka-ml.training.", IconChartLine],
  ["kafka-ml.inference.", IconTopologyStar3],
  ["kafka-ml.workload.", IconServerCog],
  ["kafka-ml.command.", IconTerminal2],
  ["kafka-ml.dead-letter.", IconArrowBackUp],
];

/** The sign of an event: what it is about, and whether it is good or bad. */
export function EventSign({ event }: { event: LiveEvent }) {
  const tone = toneOf(event);
  const known = ICONS.find(([prefix]) => event.type.startsWith(prefix));
  const Icon = tone === "bad" ? IconAlertCircle : (known?.[1] ?? IconActivity);
  return (
    <span className={classes.sign} data-tone={tone}>
      <Icon size={16} stroke={1.8} aria-hidden />
    </span>
  );
}
