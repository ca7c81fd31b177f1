import { Fragment, type ReactNode } from "react";
import classes from "./Facts.module.css";

/** Names with values, such as a thing's settings. What is undefined is left out. */
export function Facts({ facts }: { facts: readonly (readonly [label: string, value: ReactNode | undefined])[] }) {
  return (
    <dl className={classes.facts}>
      {facts.map(
        ([label, value]) =>
          value !== undefined && (
            <Fragment key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </Fragment>
          ),
      )}
    </dl>
  );
}
