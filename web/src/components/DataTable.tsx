import { Box, Button, Checkbox, Group, Loader, Text, UnstyledButton } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconArrowDown, IconArrowUp, IconSelector } from "@tabler/icons-react";
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Page } from "@/api/resources";
import classes from "./DataTable.module.css";
import { count } from "./formats";
import { ErrorNotice, Loading } from "./states";

export interface Column<T> {
  id: string;
  header: string;
  cell: (row: T) => ReactNode;
  /** A CSS grid track, such as `minmax(160px, 2fr)`. */
  width?: string;
  align?: "right";
  /** What the API calls the order by this column. */
  sort?: string;
  /** Left out on screens narrower than 768 (`sm`) or 1100 pixels (`md`). */
  hideBelow?: "sm" | "md";
}

interface DataTableProps<T> {
  /** What the table lists, for people who hear it. */
  label: string;
  columns: readonly Column<T>[];
  query: Pick<
    UseInfiniteQueryResult<InfiniteData<Page<T>>>,
    "data" | "error" | "isFetchingNextPage" | "hasNextPage" | "fetchNextPage" | "refetch"
  >;
  rowKey: (row: T) => string | number;
  /** What is shown when there is nothing. */
  empty: ReactNode;
  /** Called when a row is clicked beside its links and buttons. */
  onOpen?: (row: T) => void;
  sort?: string | undefined;
  onSort?: (sort: string) => void;
  /** Keys of the rows that are selected; rows can't be selected without. */
  selected?: ReadonlySet<string | number>;
  onSelect?: (selected: ReadonlySet<string | number>) => void;
  isLit?: (row: T) => boolean;
  onPoint?: (row: T | null) => void;
}

const ROW_HEIGHT = 52;
const AHEAD = 10;

/**
 * A list as a table whose rows exist only where they are seen, so that ten thousand cost no more than fifty. Pages are fetched as they
 * come into sight; new rows at the top push others down without moving what is read.
 */
export function DataTable<T>(props: DataTableProps<T>) {
  const { query, empty } = props;
  const rows = query.data?.pages.flatMap((page) => page.items);
  if (rows === undefined) {
    if (query.error !== null)
      return (
        <ErrorNotice error={query.error} title={`${props.label} can't be shown`} onRetry={() => void query.refetch()} />
      );
    return <Loading rows={8} />;
  }
  if (rows.length === 0) return <Box className={classes.frame}>{empty}</Box>;
  return <Filled {...props} rows={rows} />;
}

function Filled<T>({ rows, query, ...props }: DataTableProps<T> & { rows: T[] }) {
  const { rowKey, selected, onSelect } = props;
  const columns = useFitting(props.columns);
  const table = { ...props, columns };
  const list = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const measured = list.current?.getBoundingClientRect().top ?? 0;
    setTop(measured + window.scrollY);
  }, []);
  const virtualizer = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_HEIGHT,
    overscan: AHEAD,
    scrollMargin: top,
    getItemKey: (index) => {
      const row = rows[index];
      return row === undefined ? index : rowKey(row);
    },
  });
  const visible = virtualizer.getVirtualItems();
  const last = visible.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage, error } = query;
  useEffect(() => {
    if (last >= rows.length - AHEAD && hasNextPage && !isFetchingNextPage && error === null) void fetchNextPage();
  }, [last, rows.length, hasNextPage, isFetchingNextPage, error, fetchNextPage]);

  const tracks = [
    ...(selected === undefined ? [] : ["40px"]),
    ...columns.map((column) => column.width ?? "minmax(90px, 1fr)"),
  ];
  return (
    <Box className={classes.frame}>
      {/* biome-ignore lint/a11y/useSemanticElements: rows that are placed by hand are no rows of a <table> */}
      <div
        role="table"
        aria-label={table.label}
        aria-rowcount={hasNextPage ? -1 : rows.length + 1}
        className={classes.table}
        style={tracksOf(tracks)}
      >
        <Head {...table} rows={rows} />
        {/* biome-ignore lint/a11y/useSemanticElements: as above */}
        <div role="rowgroup" ref={list} className={classes.body} style={{ height: virtualizer.getTotalSize() }}>
          {visible.map((item) => {
            const row = rows[item.index];
            return (
              row !== undefined && (
                <Row
                  key={item.key}
                  {...table}
                  row={row}
                  index={item.index}
                  offset={item.start - virtualizer.options.scrollMargin}
                />
              )
            );
          })}
        </div>
      </div>
      <Foot rows={rows.length} query={query} />
      {selected !== undefined && onSelect !== undefined && selected.size > 0 && <span className={classes.room} />}
    </Box>
  );
}

function tracksOf(tracks: readonly string[]): CSSProperties {
  return { "--tracks": tracks.join(" ") } as CSSProperties;
}

/** The columns that there is room for. */
function useFitting<T>(columns: readonly Column<T>[]): readonly Column<T>[] {
  const small = useMediaQuery("(max-width: 767.98px)", undefined, { getInitialValueInEffect: false });
  const medium = useMediaQuery("(max-width: 1099.98px)", undefined, { getInitialValueInEffect: false });
  return columns.filter(({ hideBelow }) => !(hideBelow === "sm" && small) && !(hideBelow === "md" && medium));
}

type Parts<T> = Omit<DataTableProps<T>, "query" | "empty">;

function Head<T>({ columns, selected, onSelect, rows, rowKey, sort, onSort }: Parts<T> & { rows: T[] }) {
  const all = selected !== undefined && rows.every((row) => selected.has(rowKey(row)));
  return (
    // biome-ignore lint/a11y/useSemanticElements: see above
    // biome-ignore lint/a11y/useFocusableInteractive: a row of headings is nothing to use
    <div role="row" aria-rowindex={1} className={`${classes.row} ${classes.head}`}>
      {selected !== undefined && (
        // biome-ignore lint/a11y/useSemanticElements: see above
        // biome-ignore lint/a11y/useFocusableInteractive: what is in it can be used
        <div role="columnheader" className={classes.cell}>
          <Checkbox
            size="xs"
            aria-label="Select all that are loaded"
            checked={all}
            indeterminate={!all && selected.size > 0}
            onChange={() => onSelect?.(all ? new Set() : new Set(rows.map(rowKey)))}
          />
        </div>
      )}
      {columns.map((column) => (
        // biome-ignore lint/a11y/useSemanticElements: see above
        // biome-ignore lint/a11y/useFocusableInteractive: what is in it can be used
        <div
          key={column.id}
          role="columnheader"
          aria-sort={
            column.sort === undefined
              ? undefined
              : sort === column.sort
                ? "ascending"
                : sort === `-${column.sort}`
                  ? "descending"
                  : "none"
          }
          className={classes.cell}
          data-align={column.align}
        >
          {column.sort !== undefined && onSort !== undefined ? (
            <SortButton label={column.header} by={column.sort} sort={sort} onSort={onSort} />
          ) : (
            column.header
          )}
        </div>
      ))}
    </div>
  );
}

function SortButton({
  label,
  by,
  sort,
  onSort,
}: {
  label: string;
  by: string;
  sort: string | undefined;
  onSort: (sort: string) => void;
}) {
  const Icon = sort === by ? IconArrowUp : sort === `-${by}` ? IconArrowDown : IconSelector;
  return (
    <UnstyledButton className={classes.sort} onClick={() => onSort(sort === by ? `-${by}` : by)}>
      {label} <Icon size={14} aria-hidden />
    </UnstyledButton>
  );
}

interface RowProps<T> extends Parts<T> {
  row: T;
  index: number;
  offset: number;
}

function Row<T>({ row, index, offset, columns, rowKey, selected, onSelect, onOpen, isLit, onPoint }: RowProps<T>) {
  const key = rowKey(row);
  const toggle = () => {
    const next = new Set(selected);
    if (!next.delete(key)) next.add(key);
    onSelect?.(next);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: see above
    // biome-ignore lint/a11y/useFocusableInteractive: links in the row do the same by keyboard
    // biome-ignore lint/a11y/useKeyWithClickEvents: links in the row do the same by keyboard
    <div
      role="row"
      aria-rowindex={index + 2}
      className={classes.row}
      data-open={onOpen !== undefined || undefined}
      data-lit={isLit?.(row) || undefined}
      data-selected={selected?.has(key) || undefined}
      style={{ transform: `translateY(${offset}px)` }}
      onClick={(event) => {
        if (onOpen !== undefined && !isOwn(event.target)) onOpen(row);
      }}
      onPointerEnter={() => onPoint?.(row)}
      onPointerLeave={() => onPoint?.(null)}
    >
      {selected !== undefined && (
        // biome-ignore lint/a11y/useSemanticElements: see above
        <div role="cell" className={classes.cell}>
          <Checkbox size="xs" aria-label={`Select ${key}`} checked={selected.has(key)} onChange={toggle} />
        </div>
      )}
      {columns.map((column) => (
        // biome-ignore lint/a11y/useSemanticElements: see above
        <div key={column.id} role="cell" className={classes.cell} data-align={column.align}>
          {column.cell(row)}
        </div>
      ))}
    </div>
  );
}

/** Whether a click was meant for something in the row, or ended a selection of text. */
function isOwn(target: EventTarget): boolean {
  const within = target instanceof Element && target.closest("a, button, input, label") !== null;
  return within || window.getSelection()?.isCollapsed === false;
}

function Foot<T>({ rows, query }: { rows: number; query: DataTableProps<T>["query"] }) {
  return (
    <Group className={classes.foot} justify="space-between" gap="xs">
      <Text size="xs" className="quiet numeric" role="status">
        {count(rows)} {query.hasNextPage ? "loaded, more below" : "in all"}
      </Text>
      {query.isFetchingNextPage && <Loader size="xs" aria-label="Loading more" />}
      {query.error !== null && (
        <Button size="compact-xs" variant="default" onClick={() => void query.fetchNextPage()}>
          More can't be loaded just now. Try again
        </Button>
      )}
    </Group>
  );
}
