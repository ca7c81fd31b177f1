import "uplot/dist/uPlot.min.css";
import { Button } from "@mantine/core";
import { IconZoomReset } from "@tabler/icons-react";
import { useRef } from "react";
import { metric } from "@/components/formats";
import type { LineChartProps } from "./chart";
import classes from "./chart.module.css";
import { Readout } from "./Readout";
import { usePlot } from "./usePlot";

/** The drawing itself; loaded when the first chart is shown. */
export default function Plot(props: LineChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const { pointed, zoomed, reset } = usePlot(frame, props);
  const { height = 240, xKind = "number", format = metric } = props;
  return (
    <div className={classes.plot} style={{ height }}>
      <div ref={frame} className={classes.canvas} aria-hidden />
      {pointed !== null && (
        <Readout pointed={pointed} lines={props.lines} xKind={xKind} xLabel={props.xLabel} format={format} />
      )}
      {zoomed && (
        <Button
          size="compact-xs"
          variant="default"
          className={classes.reset ?? ""}
          leftSection={<IconZoomReset size={14} />}
          onClick={reset}
        >
          Show all
        </Button>
      )}
    </div>
  );
}
