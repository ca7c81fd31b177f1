import { Button } from "@mantine/core";
import { IconPlayerStop, IconRepeat, IconTrash } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import type { Views } from "@/api/resources";
import { LinkButton } from "@/components/links";
import { mayDelete, mayStop, useDeleteDeployments, useStopDeployments } from "./actions";

export function DeploymentActions({ deployment }: { deployment: Views["deployments"] }) {
  const navigate = useNavigate();
  const stop = useStopDeployments();
  const remove = useDeleteDeployments();
  return (
    <>
      <LinkButton
        to="/deployments/new"
        search={{ from: String(deployment.id) }}
        variant="default"
        leftSection={<IconRepeat size={16} />}
      >
        Deploy again
      </LinkButton>
      {mayStop(deployment) && (
        <Button variant="default" leftSection={<IconPlayerStop size={16} />} onClick={() => void stop([deployment])}>
          Stop
        </Button>
      )}
      {mayDelete(deployment) && (
        <Button
          variant="default"
          leftSection={<IconTrash size={16} />}
          onClick={async () => {
            if (await remove([deployment])) void navigate({ to: "/deployments" });
          }}
        >
          Delete
        </Button>
      )}
    </>
  );
}
