import { PageHeader } from "@/components/PageHeader";

export function TopicsPage() {
  return <PageHeader title="Topics" />;
}
