import { Button, Code, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { count, bytes as size } from "@/components/formats";
import { Copy } from "@/components/Snippet";
import { hexRows, jsonOf, textOf, toBase64 } from "./bytes";
import classes from "./letters.module.css";

type Shown = "text" | "json" | "hex";
const ROWS = 64;

interface ValueViewProps {
  label: string;
  bytes: Uint8Array;
  /** Of the whole; more than `bytes` where that is cut. */
  total: number;
}

/** Bytes as text, as JSON or as a hex editor shows them: by what they are, or as one likes. */
export function ValueView({ label, bytes, total }: ValueViewProps) {
  const text = textOf(bytes);
  const json = jsonOf(bytes);
  const natural: Shown = json !== null ? "json" : text !== null && isPrintable(text) ? "text" : "hex";
  const [chosen, setChosen] = useState<Shown | null>(null);
  const shown = chosen ?? natural;
  const words = shown === "json" ? json : shown === "text" ? text : null;
  return (
    <Stack gap={6}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" fw={600}>
          {label} <span className="quiet numeric">{size(total)}</span>
        </Text>
        <Group gap={6}>
          <SegmentedControl
            size="xs"
            aria-label={`How the ${label.toLowerCase()} is shown`}
            value={shown}
            onChange={(next) => setChosen(next as Shown)}
            data={[
              { value: "text", label: "Text", disabled: text === null },
              { value: "json", label: "JSON", disabled: json === null },
              { value: "hex", label: "Hex" },
            ]}
          />
          <Copy
            text={words ?? toBase64(bytes)}
            label={words === null ? `Copy the ${label.toLowerCase()} as base64` : `Copy the ${label.toLowerCase()}`}
          />
        </Group>
      </Group>
      {shown === "hex" || words === null ? (
        <HexView bytes={bytes} label={label} />
      ) : (
        <Code block className={classes.value ?? ""} tabIndex={0} aria-label={label}>
          {words === "" ? " " : words}
        </Code>
      )}
      {bytes.length < total && (
        <Text size="xs" className="quiet">
          Only the first {count(bytes.length)} bytes are shown.
        </Text>
      )}
    </Stack>
  );
}

function HexView({ bytes, label }: { bytes: Uint8Array; label: string }) {
  const [most, setMost] = useState(ROWS);
  const shown = bytes.subarray(0, most * 16);
  return (
    <>
      <section
        className={`${classes.value} ${classes.hex}`}
        aria-label={`${label} in hexadecimal`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled by keyboard
        tabIndex={0}
      >
        {hexRows(shown).map((row) => (
          <div key={row.offset} className={classes.hexRow}>
            <span className="quiet">{row.offset}</span>
            <span className={classes.hexBytes}>{row.hex}</span>
            <span>{row.text}</span>
          </div>
        ))}
        {bytes.length === 0 && <span className="quiet">empty</span>}
      </section>
      {bytes.length > shown.length && (
        <Button size="compact-xs" variant="default" onClick={() => setMost(most * 4)}>
          Show more
        </Button>
      )}
    </>
  );
}

/** Whether text has no characters that can't be seen. */
function isPrintable(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  return !/[\u0000-\u0008\u000e-\u001f\u007f]/.test(text);
}
