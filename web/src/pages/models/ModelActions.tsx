import { Button } from "@mantine/core";
import { IconCopy, IconRefresh, IconTrash } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import type { Views } from "@/api/resources";
import { LinkButton } from "@/components/links";
import { useDeleteModels, useValidateAgain } from "./actions";

export function ModelActions({ model }: { model: Views["models"] }) {
  const navigate = useNavigate();
  const validate = useValidateAgain();
  const remove = useDeleteModels();
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconRefresh size={16} />}
        loading={validate.isPending}
        disabled={model.state === "validating"}
        onClick={() => validate.mutate(model.id)}
      >
        Validate again
      </Button>
      <LinkButton
        to="/models/new"
        search={{ from: String(model.id) }}
        variant="default"
        leftSection={<IconCopy size={16} />}
      >
        Duplicate
      </LinkButton>
      <Button
        variant="default"
        leftSection={<IconTrash size={16} />}
        onClick={async () => {
          if (await remove([model])) void navigate({ to: "/models", ignoreBlocker: true });
        }}
      >
        Delete
      </Button>
    </>
  );
}
