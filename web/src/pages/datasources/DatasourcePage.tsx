import { PageHeader } from "@/components/PageHeader";

export function DatasourcePage() {
  return <PageHeader title="Datasources" />;
}
