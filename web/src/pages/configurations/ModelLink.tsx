import { Anchor, Text } from "@mantine/core";
import { IconAlertCircle, IconCheck, IconClock } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { Items } from "@/api/resources";
import classes from "./configurations.module.css";
import { useModelItem } from "./useModels";

const SIGNS = { valid: IconCheck, invalid: IconAlertCircle, validating: IconClock } as const;

/** A model's name, with a sign of its state. */
export function ModelLink({ id }: { id: number }) {
  const { model, isGone } = useModelItem(id);
  if (model === undefined) {
    return (
      <Text span size="sm" className="quiet">
        {isGone ? `Model ${id} can't be read` : `Model ${id}`}
      </Text>
    );
  }
  return (
    <span className={classes.model}>
      <StateSign state={model.state} />
      <Anchor component={Link} to={`/models/${id}`} size="sm" c="inherit">
        {model.name}
      </Anchor>
    </span>
  );
}

export function StateSign({ state }: { state: Items["models"]["state"] }) {
  const Sign = SIGNS[state];
  return (
    <span className={classes.sign} data-state={state} role="img" aria-label={state} title={state}>
      <Sign size={15} stroke={2.2} aria-hidden />
    </span>
  );
}
