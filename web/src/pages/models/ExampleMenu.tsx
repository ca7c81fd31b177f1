import { Button, Menu, Text } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { EXAMPLES, type Example } from "./examples";

export function ExampleMenu({ onChoose }: { onChoose: (example: Example) => void }) {
  return (
    <Menu position="bottom-end" width={320} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <Button size="xs" variant="default" rightSection={<IconChevronDown size={14} />}>
          Start from
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {EXAMPLES.map((example) => (
          <Menu.Item key={example.id} onClick={() => onChoose(example)}>
            <Text size="sm" fw={550}>
              {example.name}
            </Text>
            <Text size="xs" className="quiet">
              {example.text}
            </Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
