import { Anchor } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { plural } from "@/components/formats";
import classes from "./health.module.css";
import { useAbout } from "./useAbout";

/** Says that a part of the platform is not well, and leads to what that means; nothing while all are. */
export function HealthBadge() {
  const { data } = useAbout();
  const ill = data?.checks.filter(({ healthy }) => !healthy).length ?? 0;
  if (ill === 0) return null;
  return (
    <Anchor href="#health" className={classes.badge ?? ""}>
      <IconAlertTriangle size={15} aria-hidden /> {plural(ill, "part")} not well
    </Anchor>
  );
}
