import { PageHeader } from "@/components/PageHeader";

export function ResultPage() {
  return <PageHeader title="Results" />;
}
