import { PageHeader } from "@/components/PageHeader";

export function ResultsPage() {
  return <PageHeader title="Results" />;
}
