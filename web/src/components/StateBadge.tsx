import { Badge, type MantineColor } from "@mantine/core";
import {
  IconAlertCircle,
  IconBan,
  IconCheck,
  IconClock,
  IconHourglass,
  IconPlayerPlay,
  IconPlayerStop,
  type TablerIcon,
} from "@tabler/icons-react";
import classes from "./StateBadge.module.css";

interface Look {
  color: MantineColor;
  icon: TablerIcon;
  moving?: boolean;
  label?: string;
}

const LOOKS: Readonly<Record<string, Look>> = {
  validating: { color: "blue", icon: IconPlayerPlay, moving: true },
  valid: { color: "teal", icon: IconCheck },
  invalid: { color: "red", icon: IconAlertCircle },
  awaiting: { color: "gray", icon: IconHourglass, label: "awaiting stream" },
  pending: { color: "yellow", icon: IconClock },
  starting: { color: "yellow", icon: IconClock },
  running: { color: "blue", icon: IconPlayerPlay, moving: true },
  stopping: { color: "orange", icon: IconPlayerStop, moving: true },
  finished: { color: "teal", icon: IconCheck },
  failed: { color: "red", icon: IconAlertCircle },
  stopped: { color: "gray", icon: IconBan },
  paused: { color: "gray", icon: IconPlayerStop },
};

/** The state of something, in colour, sign and word. */
export function StateBadge({ state, size = "md" }: { state: string; size?: "sm" | "md" | "lg" }) {
  const { color, icon: Icon, moving = false, label } = LOOKS[state] ?? { color: "gray", icon: IconClock };
  return (
    <Badge
      color={color}
      size={size}
      radius="sm"
      variant="light"
      tt="none"
      fw={600}
      className={classes.badge ?? ""}
      data-state={state}
      data-color={color}
      leftSection={<Icon size={13} stroke={2.2} className={moving ? classes.moving : undefined} aria-hidden />}
    >
      {label ?? state}
    </Badge>
  );
}
