import { PageHeader } from "@/components/PageHeader";

export function NewConfigurationPage() {
  return <PageHeader title="Configurations" />;
}
