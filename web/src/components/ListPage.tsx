import { Affix, Button, Group, Paper, Select, Stack, Text, TextInput, Tooltip, Transition } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { type Items, type ListQuery, listOf, type Resource } from "@/api/resources";
import type { ListSearch } from "@/app/router";
import { type Column, DataTable } from "./DataTable";
import { plural } from "./formats";
import { PageHeader } from "./PageHeader";
import { EmptyState } from "./states";

export interface BulkAction<T> {
  label: string;
  color?: string;
  /** Does it to those that are selected, after asking; whether they shall stay selected. */
  run: (rows: readonly T[]) => Promise<boolean>;
  /** Which of them it can be done to. */
  fits?: (row: T) => boolean;
  /** Why it can't be done to these together; null if it can. */
  obstacle?: (rows: readonly T[]) => string | null;
}

interface ListPageProps<R extends Resource> {
  resource: R;
  title: string;
  description: string;
  /** "model", for "3 models selected". */
  noun: string;
  columns: readonly Column<Items[R]>[];
  search: ListSearch;
  onSearch: (search: ListSearch) => void;
  /** The query parameter that the search field fills; no field without. */
  searchBy?: keyof ListQuery<R> & string;
  searchLabel?: string;
  /** States to filter by; the query parameter is `state`. */
  states?: readonly string[];
  onOpen: (row: Items[R]) => void;
  action?: ReactNode;
  /** Shown when there is nothing at all. */
  empty: ReactNode;
  bulk?: readonly BulkAction<Items[R]>[];
}

/** A page that lists a resource: searched, filtered and sorted by its address, with things to do to many at once. */
export function ListPage<R extends Resource>(props: ListPageProps<R>) {
  const { resource, search, onSearch, searchBy, states, bulk = [] } = props;
  const filter: Record<string, string | undefined> = { sort: search.sort };
  if (searchBy !== undefined) filter[searchBy] = search.q;
  if (states !== undefined) filter.state = search.state;
  const query = useInfiniteQuery(listOf(resource, filter as ListQuery<R>));
  const [selected, setSelected] = useState<ReadonlySet<string | number>>(new Set());
  const filtered = Boolean(search.q) || Boolean(search.state);
  const rows = (query.data?.pages.flatMap((page) => page.items) ?? []).filter((row) => selected.has(row.id));

  return (
    <>
      <PageHeader title={props.title} description={props.description} actions={props.action} />
      {(searchBy !== undefined || states !== undefined) && (
        <Group mb="sm" gap="sm">
          {searchBy !== undefined && (
            <SearchField
              value={search.q ?? ""}
              label={props.searchLabel ?? `Search ${props.noun}s`}
              onChange={(q) => onSearch({ ...search, q })}
            />
          )}
          {states !== undefined && (
            <Select
              aria-label="State"
              placeholder="Any state"
              data={[...states]}
              value={search.state ?? null}
              onChange={(state) => onSearch({ ...search, state: state ?? undefined } as ListSearch)}
              clearable
              w={170}
            />
          )}
        </Group>
      )}
      <DataTable<Items[R]>
        label={props.title}
        columns={props.columns}
        query={query}
        rowKey={(row) => row.id}
        onOpen={props.onOpen}
        sort={search.sort ?? "-id"}
        onSort={(sort) => onSearch({ ...search, sort })}
        empty={
          filtered ? (
            <EmptyState
              icon={IconSearch}
              title="Nothing fits"
              text={`There is no ${props.noun} that fits the search and the filter.`}
              action={
                <Button variant="default" onClick={() => onSearch({})}>
                  Show all
                </Button>
              }
            />
          ) : (
            props.empty
          )
        }
        {...(bulk.length > 0 ? { selected, onSelect: setSelected } : {})}
      />
      <BulkBar noun={props.noun} rows={rows} actions={bulk} onDone={() => setSelected(new Set())} />
    </>
  );
}

function SearchField({ value, label, onChange }: { value: string; label: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  const tell = useDebouncedCallback(onChange, 250);
  // The address may change under it: by the browser's back button, or by "Show all".
  useEffect(() => setText(value), [value]);
  return (
    <TextInput
      type="search"
      aria-label={label}
      placeholder={label}
      leftSection={<IconSearch size={16} />}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        tell(event.currentTarget.value);
      }}
      w={{ base: "100%", sm: 280 }}
    />
  );
}

interface BulkBarProps<T> {
  noun: string;
  rows: readonly T[];
  actions: readonly BulkAction<T>[];
  onDone: () => void;
}

/** What can be done to the rows that are selected, at the foot of the window while there are some. */
export function BulkBar<T>({ noun, rows, actions, onDone }: BulkBarProps<T>) {
  const [busy, setBusy] = useState(false);
  return (
    <Affix position={{ bottom: 20, left: "50%" }} style={{ transform: "translateX(-50%)" }}>
      <Transition mounted={rows.length > 0} transition="slide-up" duration={120}>
        {(style) => (
          <Paper shadow="lg" p="sm" style={style} role="toolbar" aria-label={`${noun}s that are selected`}>
            <Group gap="sm" wrap="nowrap">
              <Text size="sm" className="numeric" style={{ whiteSpace: "nowrap" }}>
                {plural(rows.length, noun)} selected
              </Text>
              {actions.map((action) => {
                const fitting = action.fits === undefined ? rows : rows.filter(action.fits);
                const obstacle = action.obstacle?.(fitting) ?? null;
                return (
                  <Tooltip key={action.label} label={obstacle} disabled={obstacle === null}>
                    <Button
                      size="xs"
                      variant="light"
                      color={action.color ?? "gray"}
                      loading={busy}
                      disabled={fitting.length === 0}
                      {...(obstacle === null ? {} : { "data-disabled": true, "aria-disabled": true, title: obstacle })}
                      onClick={async () => {
                        if (obstacle !== null) return;
                        setBusy(true);
                        const keep = await action.run(fitting).finally(() => setBusy(false));
                        if (!keep) onDone();
                      }}
                    >
                      {action.label}
                    </Button>
                  </Tooltip>
                );
              })}
              <Button size="xs" variant="subtle" color="gray" onClick={onDone}>
                Clear
              </Button>
            </Group>
          </Paper>
        )}
      </Transition>
    </Affix>
  );
}

/** Two lines of a row: what it is, and a word about it. */
export function TwoLines({ first, second }: { first: ReactNode; second: ReactNode }) {
  return (
    <Stack gap={0}>
      <Text span size="sm" fw={550} truncate>
        {first}
      </Text>
      <Text span size="xs" className="quiet" truncate>
        {second}
      </Text>
    </Stack>
  );
}
