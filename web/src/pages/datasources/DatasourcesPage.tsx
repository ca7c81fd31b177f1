import { PageHeader } from "@/components/PageHeader";

export function DatasourcesPage() {
  return <PageHeader title="Datasources" />;
}
