import { Alert, Box, Button, Group, Tabs, Text } from "@mantine/core";
import { IconArrowsDiff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { itemOf, type Views } from "@/api/resources";
import { DiagnosisNotice } from "@/components/Diagnosis";
import { LogView } from "@/components/LogView";
import { PageHeader } from "@/components/PageHeader";
import { StateBadge } from "@/components/StateBadge";
import { Loaded } from "@/components/states";
import { Ago } from "@/components/time";
import { useUnsaved } from "@/components/unsaved";
import { ConflictDialog } from "./ConflictDialog";
import { ModelActions } from "./ModelActions";
import { ModelSummary } from "./ModelSummary";
import { hintOf, SaveKeys } from "./NewModelPage";
import { UsedBy } from "./UsedBy";
import { useLong } from "./useLong";
import { useModelDraft } from "./useModelDraft";
import { useValidation } from "./useValidation";
import { Versions } from "./Versions";
import { Workbench } from "./Workbench";

const TABS = ["code", "summary", "versions", "used", "log"] as const;
type Tab = (typeof TABS)[number];
const NAMES: Record<Tab, string> = {
  code: "Code",
  summary: "Summary",
  versions: "Versions",
  used: "Used by",
  log: "Validation log",
};

export function ModelPage() {
  const { id } = useParams({ from: "/models/$id" });
  const model = useQuery(itemOf("models", id));
  return (
    <Loaded query={model} failure="The model can't be shown">
      {(data) => <Model key={data.id} model={data} />}
    </Loaded>
  );
}

function Model({ model }: { model: Views["models"] }) {
  const search = useSearch({ from: "/models/$id" });
  const navigate = useNavigate({ from: "/models/$id" });
  const tab = TABS.find((name) => name === search.tab) ?? "code";
  const setTab = (next: string | null) =>
    void navigate({ search: next === null || next === "code" ? {} : { tab: next }, replace: true, resetScroll: false });
  const isLong = useLong(model.state === "validating" ? `${model.id} ${model.version}` : null);
  return (
    <>
      <PageHeader
        title={model.name}
        parent={{ label: "Models", to: "/models" }}
        badge={<StateBadge state={model.state} size="lg" />}
        description={
          <Text span size="sm" className="quiet">
            Version {model.version}, changed <Ago time={model.updated_at} />
          </Text>
        }
        actions={<ModelActions model={model} />}
      />
      {isLong && (
        <Box mb="md">
          <DiagnosisNotice resource="models" id={model.id} />
        </Box>
      )}
      <Tabs value={tab} onChange={setTab} keepMounted={false}>
        <Tabs.List mb="md" style={{ flexWrap: "nowrap", overflowX: "auto", overflowY: "hidden" }}>
          {TABS.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {NAMES[name]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {/* Stays while other tabs are looked at, with what is written and how to undo it. */}
        <Tabs.Panel value="code" keepMounted>
          <Writing model={model} />
        </Tabs.Panel>
        <Tabs.Panel value="summary">
          <ModelSummary model={model} />
        </Tabs.Panel>
        <Tabs.Panel value="versions">
          <Versions model={model} />
        </Tabs.Panel>
        <Tabs.Panel value="used">
          <UsedBy id={model.id} />
        </Tabs.Panel>
        <Tabs.Panel value="log">
          <LogView source={`/api/v1/models/${model.id}/log`} running={model.state === "validating"} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Writing({ model }: { model: Views["models"] }) {
  const draft = useModelDraft(model);
  const { base, fields, other } = draft;
  const validation = useValidation(draft.hasNewCode ? fields.code : null);
  const isEmpty = fields.code.trim() === "";
  const isCurrent = !draft.hasNewCode || isEmpty || validation.isCurrent || validation.error !== null;
  const isLong = useLong(draft.hasNewCode && !isCurrent ? fields.code : null);
  useUnsaved(draft.isDirty, "The model");
  // Once somebody else has saved, what the server says is of their code.
  const saved = draft.isStale ? base : model;
  const hasNone = isEmpty || validation.error !== null;
  const outcome = draft.hasNewCode ? (hasNone ? null : (validation.view ?? saved)) : saved;

  return (
    <>
      {draft.isStale && draft.isDirty && (
        <Alert color="yellow" variant="light" mb="md" role="status">
          <Text size="sm" fw={600} mb={6}>
            Somebody has saved this model meanwhile
          </Text>
          <Button size="xs" variant="default" leftSection={<IconArrowsDiff size={14} />} onClick={draft.compare}>
            Compare with version {model.version}
          </Button>
        </Alert>
      )}
      <Workbench
        fields={fields}
        onFields={draft.change}
        errors={draft.errors}
        outcome={outcome}
        isCurrent={isCurrent && outcome?.state !== "validating"}
        hint={hintOf(isEmpty, validation.error)}
        isLong={isLong}
        onSave={() => void draft.save()}
        tools={
          <>
            <Text size="sm" className={draft.isDirty ? "" : "quiet"} role="status">
              {draft.isDirty ? saying(draft.hasNewCode, base.version) : `Version ${base.version}`}
            </Text>
            <Group gap={8}>
              {draft.isDirty && (
                <Button size="xs" variant="subtle" color="gray" onClick={draft.discard}>
                  Discard
                </Button>
              )}
              <Button
                size="xs"
                loading={draft.isSaving}
                disabled={!draft.isDirty || isEmpty}
                onClick={() => void draft.save()}
                rightSection={<SaveKeys />}
              >
                {draft.hasNewCode ? `Save version ${model.version + 1}` : "Save"}
              </Button>
            </Group>
          </>
        }
      />
      {other !== null && (
        <ConflictDialog
          key={other.revision}
          base={base}
          mine={fields}
          theirs={other}
          isSaving={draft.isSaving}
          onClose={draft.closeOther}
          onTake={() => draft.takeOther(other)}
          onSave={(wanted) => void draft.saveOver(other, wanted)}
        />
      )}
    </>
  );
}

function saying(hasNewCode: boolean, version: number): string {
  return hasNewCode ? `Changed since version ${version}, not saved` : "Changed, not saved";
}
