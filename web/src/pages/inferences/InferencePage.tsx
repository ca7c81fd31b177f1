import { PageHeader } from "@/components/PageHeader";

export function InferencePage() {
  return <PageHeader title="Inferences" />;
}
