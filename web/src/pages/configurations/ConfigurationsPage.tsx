import { PageHeader } from "@/components/PageHeader";

export function ConfigurationsPage() {
  return <PageHeader title="Configurations" />;
}
