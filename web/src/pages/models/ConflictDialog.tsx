import { Alert, Button, Group, Modal, SegmentedControl, SimpleGrid, Stack, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useState } from "react";
import type { Views } from "@/api/resources";
import { CodeMerge } from "@/components/editor";
import { type FieldName, type Fields, fieldsOf, merge } from "./draft";
import classes from "./models.module.css";

interface ConflictDialogProps {
  base: Views["models"];
  mine: Fields;
  theirs: Views["models"];
  isSaving: boolean;
  onClose: () => void;
  onTake: () => void;
  onSave: (fields: Fields) => void;
}

const NAMES: Record<FieldName, string> = { name: "The name", description: "The description", code: "The code" };

/** Somebody saved while this was being written: what, and how both can be put together. */
export function ConflictDialog({ base, mine, theirs, isSaving, onClose, onTake, onSave }: ConflictDialogProps) {
  const merged = merge(fieldsOf(base), mine, fieldsOf(theirs));
  const [fields, setFields] = useState<Fields>(merged.fields);
  const narrow = useMediaQuery("(max-width: 1000px)") ?? false;
  const short = merged.conflicts.filter((name) => name !== "code");
  return (
    <Modal opened onClose={onClose} title="This model was changed meanwhile" size="min(1200px, 94vw)">
      <Stack>
        <Alert color="yellow" variant="light">
          {merged.taken.map((name) => (
            <Text key={name} size="sm">
              {NAMES[name]} was changed, and is kept as it is there now.
            </Text>
          ))}
          {merged.conflicts.map((name) => (
            <Text key={name} size="sm">
              {NAMES[name]} was changed there and here.
            </Text>
          ))}
          {merged.taken.length + merged.conflicts.length === 0 && (
            <Text size="sm">What was changed there does not touch what you have written.</Text>
          )}
        </Alert>
        {short.map((name) => (
          <Stack key={name} gap={4} align="flex-start">
            <Text size="sm" fw={600}>
              {NAMES[name]}
            </Text>
            <SegmentedControl
              aria-label={NAMES[name]}
              value={fields[name] === theirs[name] ? "theirs" : "mine"}
              onChange={(side) => setFields({ ...fields, [name]: side === "theirs" ? theirs[name] : mine[name] })}
              data={[
                { value: "mine", label: `Yours: ${cut(mine[name])}` },
                { value: "theirs", label: `Saved: ${cut(theirs[name])}` },
              ]}
            />
          </Stack>
        ))}
        {merged.conflicts.includes("code") && (
          <div>
            <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl" verticalSpacing={0} mb={6}>
              <Text size="sm" fw={600}>
                Saved, version {theirs.version}
              </Text>
              <Text size="sm" fw={600}>
                Yours, to be saved: it can be changed here
              </Text>
            </SimpleGrid>
            <div className={classes.comparison}>
              <CodeMerge
                left={theirs.code}
                right={fields.code}
                leftLabel={`Version ${theirs.version}, saved`}
                rightLabel="Your code"
                unified={narrow}
                onRight={(code) => setFields((before) => ({ ...before, code }))}
              />
            </div>
          </div>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Go on writing
          </Button>
          <Button variant="default" color="red" onClick={onTake}>
            Drop mine, take what is saved
          </Button>
          <Button loading={isSaving} onClick={() => onSave(fields)}>
            {merged.conflicts.length === 0 ? "Save both" : "Save this"}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text || "(empty)";
}
