import { Button } from "@mantine/core";
import { IconMapQuestion } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { EmptyState } from "@/components/states";

export function NotFound() {
  return (
    <EmptyState
      icon={IconMapQuestion}
      title="There is no page at this address"
      text="It may have been deleted, or the address has a mistake."
      action={
        <Button component={Link} to="/" variant="light">
          Go to the overview
        </Button>
      }
    />
  );
}
