import { Anchor, Button, Group, SegmentedControl, Select, Stack, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconRestore } from "@tabler/icons-react";
import { infiniteQueryOptions, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { getJson, type Schemas } from "@/api/client";
import { keys, PAGE_SIZE, type Page, partOf, type Views } from "@/api/resources";
import { useAction } from "@/components/actions";
import { type Column, DataTable } from "@/components/DataTable";
import { CodeEditor, CodeMerge } from "@/components/editor";
import { StateBadge } from "@/components/StateBadge";
import { ErrorNotice, Loading } from "@/components/states";
import { Ago } from "@/components/time";
import { saveModel } from "./actions";
import classes from "./models.module.css";

type Version = Schemas["VersionItem"];

function versionsOf(id: number) {
  return infiniteQueryOptions({
    queryKey: keys.of("models", id, "versions", "list"),
    queryFn: ({ pageParam, signal }) =>
      getJson<Page<Version>>(`/api/v1/models/${id}/versions`, { cursor: pageParam, limit: PAGE_SIZE }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page<Version>) => page.next_cursor,
  });
}

function asVersion(text: string | undefined, most: number): number | null {
  const version = Number(text);
  return Number.isInteger(version) && version >= 1 && version <= most ? version : null;
}

/** A model's versions, of which any two can be compared and any can be brought back. */
export function Versions({ model }: { model: Views["models"] }) {
  const search = useSearch({ from: "/models/$id" });
  const navigate = useNavigate({ from: "/models/$id" });
  const query = useInfiniteQuery(versionsOf(model.id));
  const right = asVersion(search.right, model.version) ?? model.version;
  const left = asVersion(search.left, model.version) ?? Math.max(1, right - 1);
  const show = (a: number, b: number) =>
    void navigate({
      search: { tab: "versions", left: String(a), right: String(b) },
      replace: true,
      resetScroll: false,
    });
  const columns: readonly Column<Version>[] = [
    {
      id: "version",
      header: "Version",
      width: "minmax(84px, 1fr)",
      cell: ({ version }) => (
        <Anchor
          component="button"
          type="button"
          fw={550}
          size="sm"
          c="inherit"
          aria-label={`What version ${version} changed`}
          onClick={() => show(Math.max(1, version - 1), version)}
        >
          Version {version}
        </Anchor>
      ),
    },
    { id: "state", header: "State", width: "110px", cell: ({ state }) => <StateBadge state={state} size="sm" /> },
    { id: "made", header: "Saved", width: "84px", align: "right", cell: (row) => <Ago time={row.created_at} /> },
  ];
  return (
    <div className={classes.versions}>
      <DataTable
        label="Versions"
        columns={columns}
        query={query}
        rowKey={({ version }) => version}
        onOpen={({ version }) => show(Math.max(1, version - 1), version)}
        isLit={({ version }) => version === left || version === right}
        empty={null}
      />
      <Comparison model={model} left={left} right={right} onShow={show} />
    </div>
  );
}

interface ComparisonProps {
  model: Views["models"];
  left: number;
  right: number;
  onShow: (left: number, right: number) => void;
}

function Comparison({ model, left, right, onShow }: ComparisonProps) {
  const narrow = useMediaQuery("(max-width: 1300px)") ?? false;
  const [layout, setLayout] = useState<string | null>(null);
  const before = useVersion(model.id, left);
  const after = useVersion(model.id, right);
  const isUnified = (layout ?? (narrow ? "unified" : "split")) === "unified";
  const choices = Array.from({ length: model.version }, (_, index) => String(model.version - index));
  const failed = before.error ?? after.error;
  return (
    <section className={classes.comparison} aria-label="Comparison">
      <div className={classes.tools}>
        <Group gap={8}>
          <VersionSelect label="From version" choices={choices} value={left} onChange={(next) => onShow(next, right)} />
          <Text span size="sm" className="quiet">
            to
          </Text>
          <VersionSelect label="To version" choices={choices} value={right} onChange={(next) => onShow(left, next)} />
        </Group>
        {left !== right && (
          <SegmentedControl
            size="xs"
            aria-label="Layout of the comparison"
            value={isUnified ? "unified" : "split"}
            onChange={setLayout}
            data={[
              { value: "split", label: "Side by side" },
              { value: "unified", label: "In one" },
            ]}
          />
        )}
        {right !== model.version && after.data !== undefined && <Restore model={model} version={after.data} />}
      </div>
      {failed !== null && <ErrorNotice error={failed} title="The versions can't be compared" />}
      {before.data !== undefined && after.data !== undefined ? (
        left === right ? (
          <CodeEditor value={after.data.code} label={`Version ${right}`} readOnly />
        ) : (
          <>
            {before.data.code === after.data.code && (
              <Text size="sm" className="quiet" p="sm">
                Versions {left} and {right} have the same code.
              </Text>
            )}
            <CodeMerge
              left={before.data.code}
              right={after.data.code}
              leftLabel={`Version ${left}`}
              rightLabel={`Version ${right}`}
              unified={isUnified}
            />
          </>
        )
      ) : (
        failed === null && (
          <Stack p="md">
            <Loading rows={3} />
          </Stack>
        )
      )}
    </section>
  );
}

function useVersion(id: number, version: number) {
  return useQuery(partOf<Schemas["VersionView"]>("models", id, `versions/${version}`));
}

interface VersionSelectProps {
  label: string;
  choices: string[];
  value: number;
  onChange: (version: number) => void;
}

function VersionSelect({ label, choices, value, onChange }: VersionSelectProps) {
  return (
    <Select
      size="xs"
      w={92}
      aria-label={label}
      data={choices}
      value={String(value)}
      onChange={(next) => next !== null && onChange(Number(next))}
      allowDeselect={false}
      searchable={choices.length > 15}
      limit={200}
    />
  );
}

function Restore({ model, version }: { model: Views["models"]; version: Schemas["VersionView"] }) {
  const queries = useQueryClient();
  const navigate = useNavigate({ from: "/models/$id" });
  const restore = useAction(() => saveModel(model, { code: version.code }), {
    failure: `Version ${version.version} could not be restored`,
    done: (now) =>
      now.version === model.version
        ? "The current version has this code already."
        : `Version ${now.version} has the code of version ${version.version}.`,
    onDone: (now) => {
      queries.setQueryData(keys.item("models", now.id), now);
      void queries.invalidateQueries({ queryKey: keys.of("models", now.id) });
      void navigate({ search: { tab: "versions" }, replace: true, resetScroll: false });
    },
  });
  return (
    <Button
      size="xs"
      variant="default"
      leftSection={<IconRestore size={14} />}
      loading={restore.isPending}
      onClick={() => restore.mutate(undefined)}
    >
      Restore version {version.version}
    </Button>
  );
}
