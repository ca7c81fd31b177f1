import { PageHeader } from "@/components/PageHeader";

export function NewDeploymentPage() {
  return <PageHeader title="Deployments" />;
}
