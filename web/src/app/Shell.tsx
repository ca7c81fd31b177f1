import {
  ActionIcon,
  AppShell,
  Box,
  Burger,
  Divider,
  Group,
  Kbd,
  Modal,
  NavLink,
  ScrollArea,
  Stack,
  Text,
  Tooltip,
  useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconBook2, IconKeyboard, IconMoon, IconSun } from "@tabler/icons-react";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { useEffect } from "react";
import { LineState } from "./LineState";
import { PLACES } from "./navigation";
import classes from "./Shell.module.css";
import { useShortcuts } from "./useShortcuts";

export function Shell() {
  const [menu, { toggle, close }] = useDisclosure(false);
  const [keys, { open: showKeys, close: hideKeys }] = useDisclosure(false);
  const { pathname } = useLocation();
  useShortcuts(showKeys);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes when the page changes
  useEffect(close, [pathname]);

  return (
    <AppShell
      navbar={{ width: 224, breakpoint: "md", collapsed: { mobile: !menu } }}
      header={{ height: 52, collapsed: false }}
      layout="alt"
      classNames={{ main: classes.main, navbar: classes.navbar, header: classes.header }}
    >
      <button type="button" className={classes.skip} onClick={skip}>
        Skip to the content
      </button>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" hiddenFrom="md" wrap="nowrap">
            <Burger opened={menu} onClick={toggle} size="sm" aria-label="Menu" />
            <Brand />
          </Group>
          <LineState />
          <Group gap={6} ml="auto" wrap="nowrap">
            <Tooltip label="Keyboard shortcuts">
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label="Keyboard shortcuts"
                onClick={showKeys}
                visibleFrom="md"
              >
                <IconKeyboard size={18} />
              </ActionIcon>
            </Tooltip>
            <Tooltip label="The REST API's documentation">
              <ActionIcon
                component="a"
                href="/docs"
                target="_blank"
                variant="subtle"
                color="gray"
                aria-label="The REST API's documentation"
              >
                <IconBook2 size={18} />
              </ActionIcon>
            </Tooltip>
            <SchemeToggle />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm">
        <Group h={40} px={8} justify="space-between">
          <Brand />
          <Burger opened={menu} onClick={toggle} size="sm" hiddenFrom="md" aria-label="Close the menu" />
        </Group>
        <AppShell.Section grow component={ScrollArea} type="never" mt="xs">
          <nav aria-label="Pages">
            {PLACES.map((places, group) => (
              <Box key={places[0]?.to}>
                {group > 0 && <Divider my="xs" />}
                {places.map(({ to, label, icon: Icon }) => (
                  <NavLink
                    key={to}
                    component={Link}
                    to={to}
                    label={label}
                    active={to === "/" ? pathname === "/" : pathname === to || pathname.startsWith(`${to}/`)}
                    leftSection={<Icon size={18} stroke={1.7} aria-hidden />}
                    className={classes.link ?? ""}
                    onClick={close}
                  />
                ))}
              </Box>
            ))}
          </nav>
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>
        <Box className={classes.content}>
          <Outlet />
        </Box>
      </AppShell.Main>
      <Shortcuts opened={keys} onClose={hideKeys} />
    </AppShell>
  );
}

/** Moves the focus alone; by a link, the router would take it for a change of page. */
function skip(): void {
  document.getElementById("content")?.focus();
}

function Brand() {
  return (
    <Link to="/" className={classes.brand}>
      <img src="/favicon.svg" width={24} height={24} alt="" />
      Kafka-ML
    </Link>
  );
}

function SchemeToggle() {
  const { setColorScheme, colorScheme } = useMantineColorScheme();
  const dark =
    colorScheme === "dark" || (colorScheme === "auto" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  const label = dark ? "Light colours" : "Dark colours";
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={label}
        onClick={() => setColorScheme(dark ? "light" : "dark")}
      >
        {dark ? <IconSun size={18} /> : <IconMoon size={18} />}
      </ActionIcon>
    </Tooltip>
  );
}

function Shortcuts({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts">
      <Stack gap={8}>
        {PLACES.flat().map(({ label, key }) => (
          <Shortcut key={key} label={label} keys={["g", key]} />
        ))}
        <Divider />
        <Shortcut label="Search on this page" keys={["/"]} />
        <Shortcut label="This list" keys={["?"]} />
      </Stack>
    </Modal>
  );
}

function Shortcut({ label, keys }: { label: string; keys: string[] }) {
  return (
    <Group justify="space-between">
      <Text size="sm">{label}</Text>
      <Group gap={4}>
        {keys.map((key) => (
          <Kbd key={key}>{key}</Kbd>
        ))}
      </Group>
    </Group>
  );
}
