import { ActionIcon, Alert, Anchor, List, Stack, Table, Text, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconX } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { count, NONE, shape } from "@/components/formats";
import { StateBadge } from "@/components/StateBadge";
import { ErrorNotice, Loading } from "@/components/states";
import classes from "./configurations.module.css";
import { type Fit, fitOf } from "./shapes";
import { useModelViews } from "./useModels";

interface ModelsTableProps {
  ids: readonly number[];
  /** Takes a model out; its rows have no button without. */
  onRemove?: (id: number) => void;
}

/** Models beside each other, so that it is seen whether they take the same. */
export function ModelsTable({ ids, onRemove }: ModelsTableProps) {
  const { models, isComplete, failure } = useModelViews(ids);
  if (!isComplete && models.length === 0) return <Loading rows={Math.min(4, ids.length)} />;
  return (
    <Stack gap="sm">
      {failure !== null && <ErrorNotice error={failure} title="A model can't be shown" />}
      {isComplete && <FitNotice fit={fitOf(models)} />}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
      <section className={classes.scroll} tabIndex={0} aria-label="Models side by side">
        <Table verticalSpacing="xs" miw={660} className={classes.models ?? ""}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Model</Table.Th>
              <Table.Th>State</Table.Th>
              <Table.Th>Input</Table.Th>
              <Table.Th>Output</Table.Th>
              <Table.Th ta="right">Parameters</Table.Th>
              <Table.Th>Loss</Table.Th>
              {onRemove !== undefined && <Table.Th aria-label="Take out" />}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {models.map(({ id, name, version, state, summary }) => (
              <Table.Tr key={id}>
                <Table.Td>
                  <Anchor component={Link} to={`/models/${id}`} size="sm" fw={550} c="inherit">
                    {name}
                  </Anchor>
                  <Text size="xs" className="quiet">
                    Version {version}
                  </Text>
                </Table.Td>
                <Table.Td>
                  <StateBadge state={state} size="sm" />
                </Table.Td>
                <Table.Td className="numeric">{shape(summary?.input_shape)}</Table.Td>
                <Table.Td className="numeric">{shape(summary?.output_shape)}</Table.Td>
                <Table.Td ta="right" className="numeric">
                  {count(summary?.parameters)}
                </Table.Td>
                <Table.Td>{summary?.loss ?? NONE}</Table.Td>
                {onRemove !== undefined && (
                  <Table.Td ta="right">
                    <Tooltip label={`Take ${name} out`}>
                      <ActionIcon
                        variant="subtle"
                        color="gray"
                        aria-label={`Take ${name} out`}
                        onClick={() => onRemove(id)}
                      >
                        <IconX size={16} />
                      </ActionIcon>
                    </Tooltip>
                  </Table.Td>
                )}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </section>
    </Stack>
  );
}

function FitNotice({ fit: { inputs, unready } }: { fit: Fit }) {
  if (inputs === null && unready.length === 0) return null;
  return (
    <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />} role="status">
      <Stack gap="xs">
        {inputs !== null && (
          <div>
            <Text size="sm">
              The models take samples of different shapes. One stream has one shape, so not all of them can learn from
              it.
            </Text>
            <List size="sm">
              {[...inputs].map(([input, names]) => (
                <List.Item key={input}>
                  {input}: {names.join(", ")}
                </List.Item>
              ))}
            </List>
          </div>
        )}
        {unready.length > 0 && (
          <Text size="sm">
            Only valid models can be deployed. {unready.join(", ")} {unready.length === 1 ? "is" : "are"} not valid.
          </Text>
        )}
      </Stack>
    </Alert>
  );
}
