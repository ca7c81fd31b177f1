import { PageHeader } from "@/components/PageHeader";

export function NewModelPage() {
  return <PageHeader title="Models" />;
}
