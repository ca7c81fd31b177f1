import { PageHeader } from "@/components/PageHeader";

export function TopicPage() {
  return <PageHeader title="Topics" />;
}
