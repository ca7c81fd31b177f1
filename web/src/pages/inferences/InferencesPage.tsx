import { PageHeader } from "@/components/PageHeader";

export function InferencesPage() {
  return <PageHeader title="Inferences" />;
}
