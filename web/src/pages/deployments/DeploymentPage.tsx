import { PageHeader } from "@/components/PageHeader";

export function DeploymentPage() {
  return <PageHeader title="Deployments" />;
}
