import { Group, SegmentedControl, Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useId, useMemo, useRef, useState } from "react";
import { LANE_HEIGHT, LaneView, type Told } from "./LaneView";
import { Legend } from "./Legend";
import { Patterns } from "./Patterns";
import { RibbonTable } from "./RibbonTable";
import { isUneven, lanesOf, type RibbonData } from "./ribbon";
import classes from "./ribbon.module.css";

type Shown = "scale" | "compressed" | "table";

interface RibbonProps {
  data: RibbonData;
  /** Called with what was clicked. */
  onJump: (partition: number, offset: number) => void;
}

/**
 * The log-range ribbon of a topic, a lane for each partition: what is retained, which ranges were used for what, where each inference
 * stands and where its model changed, and what retention took.
 */
export function Ribbon({ data, onJump }: RibbonProps) {
  const id = useId();
  const lanes = useMemo(() => lanesOf(data), [data]);
  const uneven = useMemo(() => isUneven(lanes), [lanes]);
  const [chosen, setChosen] = useState<Shown | null>(null);
  const shown = chosen ?? (uneven ? "compressed" : "scale");
  const [told, setTold] = useState<Told | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const { ref, width } = useElementSize();
  const virtualizer = useVirtualizer({
    count: lanes.length,
    getScrollElement: () => frame.current,
    estimateSize: () => LANE_HEIGHT + 4,
    overscan: 4,
  });
  return (
    <div>
      <Group justify="space-between" mb="xs" align="flex-start">
        <Legend patterns={id} data={data} />
        <SegmentedControl
          aria-label="How the ranges are shown"
          size="xs"
          data={[
            { value: "scale", label: "To scale" },
            { value: "compressed", label: "Compressed" },
            { value: "table", label: "Table" },
          ]}
          value={shown}
          onChange={(value) => setChosen(value as Shown)}
        />
      </Group>
      <Patterns id={id} />
      {shown === "table" ? (
        <RibbonTable data={data} onJump={onJump} />
      ) : (
        <>
          <div ref={frame} className={classes.frame}>
            <div ref={ref} className={classes.lanes} style={{ height: virtualizer.getTotalSize() }}>
              {virtualizer.getVirtualItems().map((item) => {
                const lane = lanes[item.index];
                return (
                  lane !== undefined && (
                    <div key={item.key} className={classes.place} style={{ transform: `translateY(${item.start}px)` }}>
                      <span className={classes.number}>
                        <span className="quiet">Partition</span> {lane.partition}
                      </span>
                      {width > 0 && (
                        <LaneView
                          lane={lane}
                          patterns={id}
                          width={Math.max(120, width - 92)}
                          isCompressed={shown === "compressed"}
                          onTell={setTold}
                          onJump={onJump}
                        />
                      )}
                    </div>
                  )
                );
              })}
            </div>
          </div>
          <Text size="sm" mt="xs" mih={42} role="status">
            {told?.text ?? (
              <span className="quiet">
                Point at a piece to see what it is; click it to see its messages.
                {shown === "compressed" && " Lengths are compressed, so that short pieces are seen beside long ones."}
              </span>
            )}
          </Text>
        </>
      )}
    </div>
  );
}
