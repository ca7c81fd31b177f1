import { ActionIcon, Group, Skeleton, Text, Tooltip } from "@mantine/core";
import { IconChartLine, IconTable } from "@tabler/icons-react";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { metric } from "@/components/formats";
import { ChartTable } from "./ChartTable";
import type { LineChartProps } from "./chart";
import classes from "./chart.module.css";

const Plot = lazy(() => import("./Plot"));

/**
 * A chart of lines: dragging zooms in, a double click shows all again, and new points don't disturb what is looked at. The same as a table
 * is a button away, for those who can't see or point.
 */
export function LineChart(props: LineChartProps & { title?: ReactNode }) {
  const { label, lines, height = 240, title, format = metric } = props;
  const [asTable, setAsTable] = useState(false);
  const toggle = asTable ? "Show as a chart" : "Show as a table";
  return (
    <figure className={classes.figure} aria-label={label}>
      <Group justify="space-between" wrap="nowrap" mb={4}>
        <Text size="sm" fw={600} component="figcaption">
          {title ?? label}
        </Text>
        <Tooltip label={toggle}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={`${label}: ${toggle.toLowerCase()}`}
            aria-pressed={asTable}
            onClick={() => setAsTable(!asTable)}
          >
            {asTable ? <IconChartLine size={16} /> : <IconTable size={16} />}
          </ActionIcon>
        </Tooltip>
      </Group>
      {asTable ? (
        <ChartTable {...props} format={format} />
      ) : (
        <Suspense fallback={<Skeleton height={height} radius="sm" />}>
          {lines.every(({ x }) => x.length === 0) ? (
            <Text size="sm" className={`quiet ${classes.nothing}`} style={{ height }} component="div">
              Nothing to draw yet
            </Text>
          ) : (
            <Plot {...props} />
          )}
        </Suspense>
      )}
    </figure>
  );
}
