import { PageHeader } from "@/components/PageHeader";

export function DeploymentsPage() {
  return <PageHeader title="Deployments" />;
}
