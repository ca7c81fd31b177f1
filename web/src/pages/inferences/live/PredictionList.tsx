import { Button, Group, Text } from "@mantine/core";
import { IconArrowUp, IconCheck, IconPlayerPause, IconPlayerPlay, IconX } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import { clock, count, metric, percent } from "@/components/formats";
import classes from "./live.module.css";
import { PredictionDetail } from "./PredictionDetail";
import { type Reading, readingOf } from "./reading";
import type { Row, Snapshot } from "./store";

const ROW_HEIGHT = 36;

/** The latest predictions, the newest on top. It stands still while it is paused, and while one reads further down. */
export function PredictionList({ snapshot, inferenceId }: { snapshot: Snapshot; inferenceId: number }) {
  const [isPaused, setPaused] = useState(false);
  const [isBelow, setBelow] = useState(false);
  const [chosen, setChosen] = useState<Row | null>(null);
  const [frozen, setFrozen] = useState<readonly Row[] | null>(null);
  const held = isPaused || isBelow;
  const { latest } = snapshot;
  useEffect(() => {
    setFrozen((before) => (held ? (before ?? latest) : null));
  }, [held, latest]);
  const rows = frozen ?? latest;
  const waiting = (latest.at(-1)?.number ?? 0) - (rows.at(-1)?.number ?? 0);

  const frame = useRef<HTMLElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 3,
  });
  const toTop = () => {
    setFrozen(null);
    setPaused(false);
    setBelow(false);
    frame.current?.scrollTo({ top: 0 });
  };
  return (
    <div className={classes.both}>
      <div>
        <Group justify="space-between" mb="xs" mih={30}>
          {held && waiting > 0 ? (
            <Button size="xs" variant="light" leftSection={<IconArrowUp size={14} />} onClick={toTop}>
              {count(waiting)} new, show
            </Button>
          ) : (
            <Text size="xs" className="quiet">
              {isPaused ? "Paused" : "Some of those that were made, the newest on top"}
            </Text>
          )}
          <Button
            size="xs"
            variant="default"
            leftSection={isPaused ? <IconPlayerPlay size={14} /> : <IconPlayerPause size={14} />}
            onClick={() => setPaused(!isPaused)}
          >
            {isPaused ? "Go on" : "Pause"}
          </Button>
        </Group>
        <section
          ref={frame}
          className={classes.list}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: so that it can be scrolled by keyboard
          tabIndex={0}
          aria-label="Latest predictions"
          onScroll={(event) => setBelow(event.currentTarget.scrollTop > 4)}
        >
          <ul className={classes.inner} style={{ height: virtualizer.getTotalSize() }}>
            {/* The rows' places are their keys: what comes is written into them, and nothing is made anew. */}
            {virtualizer.getVirtualItems().map((item) => {
              const row = rows[rows.length - 1 - item.index];
              return (
                row !== undefined && (
                  <li key={item.key} className={classes.row} style={{ transform: `translateY(${item.start}px)` }}>
                    <PredictionRow
                      row={row}
                      binary={snapshot.binary}
                      isChosen={chosen?.number === row.number}
                      onChoose={() => setChosen(row)}
                    />
                  </li>
                )
              );
            })}
          </ul>
        </section>
      </div>
      <PredictionDetail row={chosen} binary={snapshot.binary} inferenceId={inferenceId} />
    </div>
  );
}

interface PredictionRowProps {
  row: Row;
  binary: boolean;
  isChosen: boolean;
  onChoose: () => void;
}

function PredictionRow({ row: { prediction }, binary, isChosen, onChoose }: PredictionRowProps) {
  const reading = readingOf(prediction, binary);
  return (
    <button type="button" className={classes.button} aria-pressed={isChosen} onClick={onChoose}>
      <Said reading={reading} values={prediction.values} />
      <Verdict reading={reading} />
      <span className={`${classes.end} ${classes.wide}`} title={prediction.key ?? undefined}>
        {prediction.key ?? ""}
      </span>
      <span className={`${classes.end} ${classes.wide}`} title="Partition and offset in the output">
        {prediction.partition}:{count(prediction.offset)}
      </span>
      <span className={`${classes.end} ${classes.wide}`}>{prediction.time === null ? "" : clock(prediction.time)}</span>
    </button>
  );
}

function Said({ reading, values }: { reading: Reading | null; values: unknown }) {
  if (reading?.kind === "class") {
    return (
      <>
        <strong>Class {reading.winner}</strong>
        <span className={classes.track} aria-hidden>
          <span style={{ width: `${reading.probability * 100}%`, background: "var(--mantine-color-anchor)" }} />
        </span>
        <span>{percent(reading.probability)}</span>
      </>
    );
  }
  return (
    <span style={{ gridColumn: reading === null ? "span 4" : "span 2" }}>
      {reading === null ? JSON.stringify(values) : reading.values.map((value) => metric(value)).join(", ")}
    </span>
  );
}

/** Whether a class is right; for numbers, how far they are off. */
export function Verdict({ reading }: { reading: Reading | null }) {
  if (reading === null) return null;
  if (reading.truth === null) return <span className={classes.off} data-numbers={reading.kind === "numbers"} />;
  if (reading.kind === "class") {
    const isRight = reading.truth === reading.winner;
    const Sign = isRight ? IconCheck : IconX;
    return (
      <span className={classes.verdict} data-right={isRight}>
        <Sign size={14} aria-hidden />
        {isRight ? "right" : `wrong: ${reading.truth}`}
      </span>
    );
  }
  const [value = 0] = reading.values;
  const [truth = 0] = reading.truth;
  return (
    <span className={classes.off} data-numbers>
      true {metric(truth)} ({value >= truth ? "+" : ""}
      {metric(value - truth)})
    </span>
  );
}
