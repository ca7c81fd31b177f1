import { Button, Tooltip } from "@mantine/core";
import { IconDownload, IconTopologyStar3, IconTrash } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import type { Views } from "@/api/resources";
import { bytes } from "@/components/formats";
import { LinkButton } from "@/components/links";
import { hasEnded, modelAddress, useDeleteResults } from "./actions";

export function ResultActions({ result }: { result: Views["results"] }) {
  const navigate = useNavigate();
  const remove = useDeleteResults();
  const mayDelete = hasEnded(result);
  return (
    <>
      {result.has_model && (
        <>
          <Button
            component="a"
            href={modelAddress(result.id)}
            download
            variant="default"
            leftSection={<IconDownload size={16} />}
          >
            Model ({bytes(result.model_bytes)})
          </Button>
          <LinkButton
            to="/inferences/new"
            search={{ result: String(result.id) }}
            leftSection={<IconTopologyStar3 size={16} />}
          >
            Deploy for inference
          </LinkButton>
        </>
      )}
      <Tooltip label="It can be deleted when it has ended. Stop its deployment first." disabled={mayDelete}>
        <Button
          variant="default"
          color="red"
          leftSection={<IconTrash size={16} />}
          data-disabled={!mayDelete || undefined}
          aria-disabled={!mayDelete}
          onClick={async () => {
            if (mayDelete && (await remove([result]))) void navigate({ to: "/results" });
          }}
        >
          Delete
        </Button>
      </Tooltip>
    </>
  );
}
