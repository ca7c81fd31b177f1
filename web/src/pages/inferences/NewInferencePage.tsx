import { PageHeader } from "@/components/PageHeader";

export function NewInferencePage() {
  return <PageHeader title="Inferences" />;
}
