import { PageHeader } from "@/components/PageHeader";

export function ConfigurationPage() {
  return <PageHeader title="Configurations" />;
}
