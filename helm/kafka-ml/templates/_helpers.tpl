{{/* Names. What the scheduler makes begins with the full name too, and names of pods end with more. */}}
{{- define "kafka-ml.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "kafka-ml.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{- $name := include "kafka-ml.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{/* Labels; called with (dict "root" $ "component" "api"). */}}
{{- define "kafka-ml.selector" -}}
app.kubernetes.io/name: {{ include "kafka-ml.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "kafka-ml.labels" -}}
{{ include "kafka-ml.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: kafka-ml
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Workloads' pods, as the scheduler labels them. */}}
{{- define "kafka-ml.workloadSelector" -}}
app.kubernetes.io/name: kafka-ml-workload
app.kubernetes.io/instance: {{ include "kafka-ml.fullname" . }}
{{- end }}

{{/* An image; called with (dict "root" $ "target" "api"). */}}
{{- define "kafka-ml.image" -}}
{{- $image := .root.Values.image -}}
{{- if $image.registry }}{{ $image.registry | trimSuffix "/" }}/{{ end -}}
{{ $image.repository }}/{{ .target }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* The address of a Service of this release, as clients anywhere in the cluster can use it. */}}
{{- define "kafka-ml.host" -}}
{{ include "kafka-ml.fullname" .root }}-{{ .component }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}
{{- end }}

{{/* What is in force, whether external or from `dev`. */}}
{{- define "kafka-ml.bootstrapServers" -}}
{{- ternary (printf "%s:9092" (include "kafka-ml.host" (dict "root" . "component" "dev-kafka"))) .Values.kafka.bootstrapServers .Values.dev.enabled }}
{{- end }}

{{/* As programs outside use it; that of `dev` is the port which NOTES.txt forwards. Empty when it is the same. */}}
{{- define "kafka-ml.advertisedBootstrapServers" -}}
{{- .Values.kafka.advertisedBootstrapServers | default (ternary "localhost:9094" "" .Values.dev.enabled) }}
{{- end }}

{{- define "kafka-ml.objectStoreEndpoint" -}}
{{- ternary (printf "%s:9000" (include "kafka-ml.host" (dict "root" . "component" "dev-minio"))) .Values.objectStore.endpoint .Values.dev.enabled }}
{{- end }}

{{- define "kafka-ml.databaseSecret" -}}
{{- ternary (printf "%s-dev-database" (include "kafka-ml.fullname" .)) .Values.database.existingSecret .Values.dev.enabled }}
{{- end }}

{{- define "kafka-ml.objectStoreSecret" -}}
{{- ternary (printf "%s-dev-object-store" (include "kafka-ml.fullname" .)) .Values.objectStore.existingSecret .Values.dev.enabled }}
{{- end }}

{{- define "kafka-ml.tokenSecret" -}}
{{- .Values.scheduler.token.existingSecret | default (printf "%s-scheduler-token" (include "kafka-ml.fullname" .)) }}
{{- end }}

{{/* "true" when Kafka asks for a name and a password, or speaks TLS. */}}
{{- define "kafka-ml.sasl" -}}
{{- if hasPrefix "SASL" .Values.kafka.securityProtocol }}true{{ end }}
{{- end }}

{{- define "kafka-ml.tls" -}}
{{- if hasSuffix "SSL" .Values.kafka.securityProtocol }}true{{ end }}
{{- end }}

{{/* Secrets that workloads' hosts get as variables, as a JSON list. */}}
{{- define "kafka-ml.hostSecrets" -}}
{{- $names := list -}}
{{- if include "kafka-ml.sasl" . -}}
{{- $names = append $names (.Values.workloads.kafkaSecret | default .Values.kafka.existingSecret) -}}
{{- end -}}
{{- $names = append $names (.Values.workloads.objectStoreSecret | default (include "kafka-ml.objectStoreSecret" .)) -}}
{{- $names = append $names (printf "%s-validator-token" (include "kafka-ml.fullname" .)) -}}
{{- toJson ($names | uniq) }}
{{- end }}

{{/* Secrets that are mounted as files, by where, as a JSON object. */}}
{{- define "kafka-ml.secretFiles" -}}
{{- $files := dict -}}
{{- if and (include "kafka-ml.tls" .) .Values.kafka.tls.existingSecret -}}
{{- $_ := set $files .Values.kafka.tls.existingSecret "/etc/kafka-ml/kafka" -}}
{{- end -}}
{{- if .Values.objectStore.tls.existingSecret -}}
{{- $_ := set $files .Values.objectStore.tls.existingSecret "/etc/kafka-ml/object-store" -}}
{{- end -}}
{{- toJson $files }}
{{- end }}

{{/* One Secret may hold both authorities; then it is mounted once, and both variables say where. */}}
{{- define "kafka-ml.kafkaTlsFolder" -}}
{{- get (include "kafka-ml.secretFiles" . | fromJson) .Values.kafka.tls.existingSecret }}
{{- end }}

{{/* A hash of the Secrets named, so that an upgrade restarts who reads them if they have changed. Empty without a cluster. */}}
{{- define "kafka-ml.secretsChecksum" -}}
{{- $root := .root -}}
{{- $all := list -}}
{{- range (without .names "" | uniq) -}}
{{- $all = append $all (dig "data" dict (lookup "v1" "Secret" $root.Release.Namespace . | default dict)) -}}
{{- end -}}
{{- toJson $all | sha256sum }}
{{- end }}

{{/* Ports of a list of addresses, as YAML; called with the text. */}}
{{- define "kafka-ml.ports" -}}
{{- $ports := list -}}
{{- range splitList "," . -}}
{{- $ports = append $ports (regexFind ":[0-9]+$" (trim .) | trimPrefix ":" | int) -}}
{{- end -}}
{{- toJson (without $ports 0 | uniq) }}
{{- end }}

{{/* Names by which the API may be called, as a JSON list: those of its Service and its ingress, and those that the operator gives. */}}
{{- define "kafka-ml.allowedHosts" -}}
{{- $service := printf "%s-api" (include "kafka-ml.fullname" .) -}}
{{- $inside := printf "%s.%s" $service .Release.Namespace -}}
{{- $hosts := list $service $inside (printf "%s.svc" $inside) (printf "%s.svc.%s" $inside .Values.clusterDomain) -}}
{{- if .Values.api.ingress.enabled -}}
{{- $hosts = concat $hosts .Values.api.ingress.hosts -}}
{{- end -}}
{{- concat $hosts .Values.api.allowedHosts | uniq | toJson }}
{{- end }}
