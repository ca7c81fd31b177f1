import { Autocomplete, Drawer, Group, TextInput } from "@mantine/core";
import { useDebouncedCallback, useMediaQuery } from "@mantine/hooks";
import { IconMailCheck, IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { DataTable } from "@/components/DataTable";
import { BulkBar } from "@/components/ListPage";
import { LinkButton } from "@/components/links";
import { PageHeader } from "@/components/PageHeader";
import { EmptyState } from "@/components/states";
import { columnsOf } from "./columns";
import { LetterPanel } from "./LetterPanel";
import { lettersOf } from "./letters";
import classes from "./letters.module.css";
import { useFresh } from "./useFresh";
import { useResendAll } from "./useResendAll";
import { isWhole, nameOf, titleOf } from "./words";

export function DeadLettersPage() {
  const search = useSearch({ from: "/dead-letters" });
  const navigate = useNavigate({ from: "/dead-letters" });
  const { topic, service, letter } = search;
  const query = useInfiniteQuery(lettersOf({ ...(topic ? { topic } : {}), ...(service ? { service } : {}) }));
  const [selected, setSelected] = useState<ReadonlySet<string | number>>(new Set());
  const isWide = useMediaQuery("(min-width: 1100px)", undefined, { getInitialValueInEffect: false });
  const resendAll = useResendAll();
  useFresh();

  const letters = query.data?.pages.flatMap((page) => page.items) ?? [];
  const topics = [...new Set(letters.flatMap(({ origin }) => (origin === null ? [] : [origin.topic])))];
  const open = (name: string | undefined) => {
    const { letter: _, ...rest } = search;
    void navigate({ search: name === undefined ? rest : { ...rest, letter: name }, replace: true });
  };
  const filter = (name: "topic" | "service", value: string) => {
    const { [name]: _, letter: __, ...rest } = search;
    void navigate({ search: value === "" ? rest : { ...rest, [name]: value }, replace: true });
  };
  const isFiltered = Boolean(topic || service);

  return (
    <>
      <PageHeader
        title="Dead letters"
        description="Messages that could not be processed. Nothing waits for them: look at them, correct them, send them again."
      />
      <Group mb="sm" gap="sm">
        <Field label="Topic" value={topic ?? ""} suggestions={topics} onChange={(value) => filter("topic", value)} />
        <Field label="Service" value={service ?? ""} onChange={(value) => filter("service", value)} />
      </Group>
      <div className={classes.page} data-open={(isWide && letter !== undefined) || undefined}>
        <div className={classes.list}>
          <DataTable
            label="Dead letters"
            columns={columnsOf(open, isWide && letter !== undefined)}
            query={query}
            rowKey={nameOf}
            onOpen={(row) => open(nameOf(row))}
            isLit={(row) => nameOf(row) === letter}
            selected={selected}
            onSelect={setSelected}
            empty={
              isFiltered ? (
                <EmptyState
                  icon={IconSearch}
                  title="Nothing fits"
                  text="There is no dead letter that fits the filter."
                  action={
                    <LinkButton to="/dead-letters" variant="default">
                      Show all
                    </LinkButton>
                  }
                />
              ) : (
                <EmptyState
                  icon={IconMailCheck}
                  title="No dead letters"
                  text="Every message could be processed. One that can't be decoded or predicted comes here instead of holding up the others."
                />
              )
            }
          />
        </div>
        {isWide && letter !== undefined && (
          <div className={classes.side}>
            <LetterPanel name={letter} onClose={() => open(undefined)} />
          </div>
        )}
      </div>
      {!isWide && (
        <Drawer
          opened={letter !== undefined}
          onClose={() => open(undefined)}
          title={letter !== undefined && titleOf(letter)}
          position="right"
          size="lg"
          closeButtonProps={{ "aria-label": "Close the dead letter" }}
        >
          {letter !== undefined && <LetterPanel name={letter} />}
        </Drawer>
      )}
      <BulkBar
        noun="dead letter"
        rows={letters.filter((row) => selected.has(nameOf(row)))}
        actions={[{ label: "Send again", run: resendAll, fits: isWhole }]}
        onDone={() => setSelected(new Set())}
      />
    </>
  );
}

interface FieldProps {
  label: string;
  value: string;
  suggestions?: readonly string[];
  onChange: (value: string) => void;
}

function Field({ label, value, suggestions, onChange }: FieldProps) {
  const [text, setText] = useState(value);
  const tell = useDebouncedCallback(onChange, 300);
  useEffect(() => setText(value), [value]);
  const write = (next: string) => {
    setText(next);
    tell(next.trim());
  };
  const shared = {
    "aria-label": label,
    placeholder: `Any ${label.toLowerCase()}`,
    leftSection: <IconSearch size={16} />,
    value: text,
    w: { base: "100%", sm: 240 },
  };
  if (suggestions === undefined)
    return <TextInput type="search" {...shared} onChange={(event) => write(event.currentTarget.value)} />;
  return <Autocomplete {...shared} data={[...suggestions]} onChange={write} clearable />;
}
