import type { KeyboardEvent } from "react";
import { count, plural } from "@/components/formats";
import { fillOf } from "./Patterns";
import { bordersOf, compressed, type Lane, LEVELS, leftOf, linear, PART_NAMES, type Scale } from "./ribbon";
import classes from "./ribbon.module.css";

export const LANE_HEIGHT = 70;
const TOP = 20;
const BAR = 24;
const EDGE = 8;

/** What is pointed at, in words, and where a click leads. */
export interface Told {
  partition: number;
  offset: number;
  text: string;
}

interface LaneViewProps {
  lane: Lane;
  patterns: string;
  width: number;
  isCompressed: boolean;
  onTell: (told: Told | null) => void;
  onJump: (partition: number, offset: number) => void;
}

/** One partition: what is retained of it, what it was used for, and where inferences stand. */
export function LaneView({ lane, patterns, width, isCompressed, onTell, onJump }: LaneViewProps) {
  const room = Math.max(40, width - 2 * EDGE);
  const scale: Scale = isCompressed ? compressed(bordersOf(lane), room) : linear(lane.from, lane.until, room);
  const at = (offset: number) => EDGE + scale(Math.min(lane.until, Math.max(lane.from, offset)));
  const piece = (told: Told) => ({
    tabIndex: 0,
    role: "link",
    "aria-label": `${told.text}. Show messages from offset ${count(told.offset)}`,
    className: classes.piece,
    onPointerEnter: () => onTell(told),
    onPointerLeave: () => onTell(null),
    onFocus: () => onTell(told),
    onBlur: () => onTell(null),
    onClick: () => onJump(told.partition, told.offset),
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      onJump(told.partition, told.offset);
    },
  });
  const { partition, start, end } = lane;
  const kept = { partition, offset: start, text: keptText(lane) };
  return (
    <svg width={width} height={LANE_HEIGHT} className={classes.lane}>
      <title>Partition {partition}</title>
      {start > lane.from && (
        <g
          {...piece({
            partition,
            offset: start,
            text: `Partition ${partition}: retention took offsets up to ${count(start)}`,
          })}
        >
          <rect x={at(lane.from)} y={TOP} width={at(start) - at(lane.from)} height={BAR} className={classes.gone} />
          <rect
            x={at(lane.from)}
            y={TOP}
            width={at(start) - at(lane.from)}
            height={BAR}
            fill={fillOf(patterns, "gone")}
          />
        </g>
      )}
      <g {...piece(kept)}>
        <rect
          x={at(start)}
          y={TOP}
          width={Math.max(2, at(end) - at(start))}
          height={BAR}
          className={classes.kept}
          rx={3}
        />
      </g>
      {lane.used.map((range) => {
        const size = (BAR - 4) / Math.min(LEVELS, 1 + Math.max(...lane.used.map(({ level }) => level)));
        const x = at(range.start);
        const left = leftOf(range);
        const text = `${PART_NAMES[range.part]} part of data source ${range.datasource_id}, partition ${partition}, offsets ${count(range.start)} to ${count(range.end - 1)}, ${plural(range.deployment_ids.length, "deployment")}${left === "all" ? "" : left === "none" ? ", all taken by retention" : `, ${count(range.deleted)} taken by retention`}`;
        const offset = Math.min(Math.max(range.start, start), Math.max(start, end - 1));
        return (
          <g
            key={`${range.datasource_id} ${range.part} ${range.start}`}
            {...piece({ partition, offset, text })}
            opacity={left === "none" ? 0.4 : 1}
          >
            <rect
              x={x}
              y={TOP + 2 + range.level * size}
              width={Math.max(3, at(range.end) - x - 1)}
              height={Math.max(3, size - 1)}
              fill={fillOf(patterns, range.part)}
              rx={1.5}
            />
          </g>
        );
      })}
      {lane.changes.map((change) => {
        const x = at(change.offset);
        const text = `Inference ${change.inference_id} began with ${change.model_name} (result ${change.result_id}) at offset ${count(change.offset)} of partition ${partition}`;
        return (
          <g
            key={`${change.inference_id} ${change.result_id} ${change.offset}`}
            {...piece({ partition, offset: change.offset, text })}
          >
            <rect x={x - 6} y={TOP + BAR} width={12} height={12} fill="transparent" />
            <line x1={x} x2={x} y1={TOP - 2} y2={TOP + BAR + 3} className={classes.changeLine} />
            <path d={`M${x} ${TOP + BAR + 1} l5 5 l-5 5 l-5 -5 z`} className={classes.change} />
          </g>
        );
      })}
      {lane.stands.map((stand) => {
        const x = at(stand.position);
        const text = `Inference ${stand.inference_id} with ${stand.model_name} (${stand.state}) stands at offset ${count(stand.position)} of partition ${partition}; ${stand.lag === 0 ? "nothing waits" : `${plural(stand.lag, "message")} ${stand.lag === 1 ? "waits" : "wait"}`}`;
        return (
          <g key={stand.inference_id} {...piece({ partition, offset: stand.position, text })}>
            <rect x={x - 7} y={TOP - 16} width={14} height={16} fill="transparent" />
            {stand.lag > 0 && <line x1={x} x2={at(end)} y1={TOP - 8} y2={TOP - 8} className={classes.lag} />}
            <path d={`M${x} ${TOP} l-6 -11 h12 z`} className={classes.stand} />
          </g>
        );
      })}
      <text x={at(start)} y={LANE_HEIGHT - 3} className={classes.tick}>
        {count(start)}
      </text>
      {at(end) - at(start) > 90 && (
        <text x={at(end)} y={LANE_HEIGHT - 3} textAnchor="end" className={classes.tick}>
          {count(end)}
        </text>
      )}
    </svg>
  );
}

function keptText({ partition, start, end }: Lane): string {
  return end > start
    ? `Partition ${partition} retains offsets ${count(start)} to ${count(end - 1)}`
    : `Partition ${partition} is empty`;
}
