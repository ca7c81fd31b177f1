import { SegmentedControl, Stack, Table, Text } from "@mantine/core";
import { type CSSProperties, memo, useState } from "react";
import { count, metric, percent, plural } from "@/components/formats";
import { accuracyOf, confusions, type Matrix, normalised, scoresOf } from "./matrix";
import classes from "./training.module.css";

/** Beyond this many classes nobody can read the cells. */
const MOST = 60;

interface MatrixTableProps {
  matrix: Matrix;
  /** Whose it is, for people who hear it. */
  label: string;
  /** Without the scores of each class, to have several beside each other. */
  brief?: boolean;
}

/** A confusion matrix: what was predicted for what is true, as a table whose colours say the same as its numbers. */
export const MatrixTable = memo(function MatrixTable({ matrix, label, brief = false }: MatrixTableProps) {
  const [shown, setShown] = useState("counts");
  const accuracy = accuracyOf(matrix);
  const wrong = confusions(matrix);
  return (
    <Stack gap="sm">
      <SegmentedControl
        size="xs"
        w="fit-content"
        aria-label={`${label}: what the cells show`}
        data={[
          { value: "counts", label: "Counts" },
          { value: "parts", label: "Part of the true class" },
        ]}
        value={shown}
        onChange={setShown}
      />
      <Text size="xs" className="quiet">
        Rows are what is true, columns what was predicted; {matrix.part} part.
      </Text>
      {matrix.labels.length > MOST ? (
        <Text size="sm" className="quiet">
          {count(matrix.labels.length)} classes are too many to show as a matrix; the scores say how each did.
        </Text>
      ) : (
        <Cells matrix={matrix} label={label} asParts={shown === "parts"} />
      )}
      <Text size="xs" className="quiet">
        {accuracy === null ? "Nothing was counted." : `${percent(accuracy)} right. `}
        {wrong.length > 0 &&
          `Most often taken for another: ${wrong.map(({ truth, taken, times }) => `${truth} for ${taken} (${count(times)})`).join(", ")}.`}
      </Text>
      {!brief && <Scores matrix={matrix} />}
    </Stack>
  );
});

function Cells({ matrix, label, asParts }: { matrix: Matrix; label: string; asParts: boolean }) {
  const { labels, counts } = matrix;
  const parts = normalised(counts);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled by keyboard
    <section className={classes.scroll} aria-label={`${label}, confusion matrix`} tabIndex={0}>
      <table className={classes.matrix}>
        <thead>
          <tr>
            <th scope="col">True</th>
            {labels.map((name) => (
              <th key={name} scope="col" title={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {labels.map((truth, row) => (
            <tr key={truth}>
              <th scope="row" title={truth}>
                {truth}
              </th>
              {labels.map((taken, column) => {
                const times = counts[row]?.[column] ?? 0;
                const part = parts[row]?.[column] ?? null;
                return (
                  <td
                    key={taken}
                    className={row === column ? classes.right : undefined}
                    style={heat(part ?? 0, row === column)}
                    title={`${plural(times, "sample")} of ${truth} predicted as ${taken}${part === null ? "" : ` (${percent(part)})`}`}
                  >
                    {asParts ? (part === null ? "–" : part === 0 ? "0" : part.toFixed(2)) : count(times)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The more, the darker on light and the brighter on dark; what is right in green, what is wrong in orange. */
function heat(part: number, isRight: boolean): CSSProperties {
  if (part === 0) return { color: "var(--quiet)", background: "light-dark(#f4f6f7, #20262a)" };
  const strength = Math.round(12 + 48 * Math.sqrt(part));
  const colour = isRight ? "light-dark(#12946a, #1fae80)" : "light-dark(#e8710a, #e8710a)";
  return { background: `color-mix(in srgb, ${colour} ${strength}%, var(--surface))` };
}

function Scores({ matrix }: { matrix: Matrix }) {
  return (
    <div className={classes.scroll}>
      <Table fz="xs" verticalSpacing={4} maw={520} className="numeric">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Class</Table.Th>
            {["Precision", "Recall", "F1", "Samples"].map((name) => (
              <Table.Th key={name} ta="right">
                {name}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {scoresOf(matrix).map(({ label, precision, recall, f1, support }) => (
            <Table.Tr key={label}>
              <Table.Th scope="row" fw={500}>
                {label}
              </Table.Th>
              <Table.Td ta="right">{metric(precision)}</Table.Td>
              <Table.Td ta="right">{metric(recall)}</Table.Td>
              <Table.Td ta="right">{metric(f1)}</Table.Td>
              <Table.Td ta="right">{count(support)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
