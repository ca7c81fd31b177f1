import {
  IconActivity,
  IconBrain,
  IconChartLine,
  IconDatabase,
  IconHome,
  IconMailOff,
  IconPlayerPlay,
  IconRoute,
  IconStack2,
  IconTopologyStar3,
  type TablerIcon,
} from "@tabler/icons-react";

export interface Place {
  to:
    | "/"
    | "/models"
    | "/configurations"
    | "/deployments"
    | "/datasources"
    | "/results"
    | "/inferences"
    | "/topics"
    | "/dead-letters"
    | "/events";
  label: string;
  icon: TablerIcon;
  /** Pressed after `g`, goes there. */
  key: string;
}

export const PLACES: readonly (readonly Place[])[] = [
  [{ to: "/", label: "Overview", icon: IconHome, key: "o" }],
  [
    { to: "/models", label: "Models", icon: IconBrain, key: "m" },
    { to: "/configurations", label: "Configurations", icon: IconStack2, key: "c" },
    { to: "/deployments", label: "Deployments", icon: IconPlayerPlay, key: "d" },
    { to: "/datasources", label: "Data sources", icon: IconDatabase, key: "s" },
    { to: "/results", label: "Results", icon: IconChartLine, key: "r" },
    { to: "/inferences", label: "Inference", icon: IconTopologyStar3, key: "i" },
  ],
  [
    { to: "/topics", label: "Topics", icon: IconRoute, key: "t" },
    { to: "/dead-letters", label: "Dead letters", icon: IconMailOff, key: "l" },
    { to: "/events", label: "Events", icon: IconActivity, key: "e" },
  ],
];
