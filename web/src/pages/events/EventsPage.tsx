import { Button, Group, MultiSelect, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconFilterOff, IconSearch } from "@tabler/icons-react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { EventList } from "@/components/events";
import { PageHeader } from "@/components/PageHeader";
import { EmptyState } from "@/components/states";
import { EVENT_KINDS } from "./sentences";

const SUBJECT = /^[a-zA-Z0-9._/-]{1,200}$/;

export function EventsPage() {
  const search = useSearch({ from: "/events" });
  const navigate = useNavigate({ from: "/events" });
  const types = (search.type ?? "").split(",").filter((type) => type !== "");
  const subject = search.subject ?? "";
  const fits = subject === "" || SUBJECT.test(subject);
  const filter = (next: { type?: string; subject?: string }) => void navigate({ search: next, replace: true });
  const showAll = (
    <Button variant="default" leftSection={<IconFilterOff size={16} />} onClick={() => filter({})}>
      Show all
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Events"
        description="Everything that has happened, as it happens. Replicas' progress is kept for minutes, the rest for weeks."
      />
      <Group mb="sm" gap="sm" align="flex-start">
        <SubjectField
          value={subject}
          error={fits ? null : "A subject is written like results/7."}
          onChange={(value) => filter(searchOf(types, value))}
        />
        <MultiSelect
          aria-label="Types"
          placeholder={types.length === 0 ? "All types" : ""}
          data={options(types)}
          value={types}
          onChange={(chosen) => filter(searchOf(chosen, subject))}
          searchable
          clearable
          hidePickedOptions
          nothingFoundMessage="No such type"
          maxDropdownHeight={360}
          w={{ base: "100%", sm: "auto" }}
          miw={{ sm: 300 }}
          maw={{ sm: 620 }}
        />
      </Group>
      {fits && (
        <EventList
          key={`${subject} ${types.join(",")}`}
          subject={subject}
          types={types}
          {...(subject === "" && types.length === 0
            ? {}
            : {
                empty: (
                  <EmptyState
                    icon={IconSearch}
                    title="Nothing fits"
                    text="No event that is kept fits the filter. One that comes shows here at once."
                    action={showAll}
                  />
                ),
              })}
        />
      )}
    </>
  );
}

function searchOf(types: readonly string[], subject: string): { type?: string; subject?: string } {
  return {
    ...(types.length === 0 ? {} : { type: types.join(",") }),
    ...(subject === "" ? {} : { subject }),
  };
}

/** The known types in their groups, and those in the address that are none of them. */
function options(chosen: readonly string[]) {
  const groups = new Map<string, { value: string; label: string }[]>();
  for (const [value, { group, label }] of Object.entries(EVENT_KINDS)) {
    groups.set(group, [...(groups.get(group) ?? []), { value, label }]);
  }
  const others = chosen.filter((type) => !(type in EVENT_KINDS));
  if (others.length > 0)
    groups.set(
      "Others",
      others.map((type) => ({ value: type, label: type })),
    );
  return [...groups].map(([group, items]) => ({ group, items }));
}

interface SubjectFieldProps {
  value: string;
  error: string | null;
  onChange: (value: string) => void;
}

function SubjectField({ value, error, onChange }: SubjectFieldProps) {
  const [text, setText] = useState(value);
  const tell = useDebouncedCallback(onChange, 300);
  useEffect(() => setText(value), [value]);
  return (
    <TextInput
      type="search"
      aria-label="What it is about"
      placeholder="About, such as results/7"
      leftSection={<IconSearch size={16} />}
      value={text}
      error={error}
      onChange={(event) => {
        setText(event.currentTarget.value);
        tell(event.currentTarget.value.trim());
      }}
      w={{ base: "100%", sm: 240 }}
    />
  );
}
