{{/* Security of every pod: Kubernetes's "restricted"; called with the user's number. */}}
{{- define "kafka-ml.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "kafka-ml.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where a pod runs; called with (dict "root" $ "component" "api" "settings" .Values.api). */}}
{{- define "kafka-ml.placement" -}}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .settings.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "kafka-ml.selector" . | nindent 8 }}
{{- end }}

{{/* Labels and annotations of a pod; "secrets" are those whose change is to restart it. */}}
{{- define "kafka-ml.podMetadata" -}}
labels:
  {{- include "kafka-ml.labels" . | nindent 2 }}
  {{- with .settings.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  kubectl.kubernetes.io/default-container: {{ .component }}
  checksum/config: {{ include (print .root.Template.BasePath "/configmap.yaml") .root | sha256sum }}
  checksum/secrets: {{ include "kafka-ml.secretsChecksum" (dict "root" .root "names" .secrets) }}
  {{- with .settings.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Name and password for Kafka; called with the root. */}}
{{- define "kafka-ml.kafkaCredentials" -}}
{{- if include "kafka-ml.sasl" . }}
{{- range list "KAFKA_ML_KAFKA_SASL_USERNAME" "KAFKA_ML_KAFKA_SASL_PASSWORD" }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ $.Values.kafka.existingSecret }}, key: {{ . }}}}
{{- end }}
{{- end }}
{{- end }}

{{/* The token by which the API asks the scheduler for logs. */}}
{{- define "kafka-ml.token" -}}
- name: KAFKA_ML_SCHEDULER_TOKEN
  valueFrom: {secretKeyRef: {name: {{ include "kafka-ml.tokenSecret" . }}, key: KAFKA_ML_SCHEDULER_TOKEN}}
{{- end }}

{{/* Variables of a map, as text. */}}
{{- define "kafka-ml.extraEnv" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "kafka-ml.fileMounts" -}}
{{- range $secret, $path := include "kafka-ml.secretFiles" . | fromJson }}
- {name: {{ base $path }}-files, mountPath: {{ $path }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "kafka-ml.fileVolumes" -}}
{{- range $secret, $path := include "kafka-ml.secretFiles" . | fromJson }}
- name: {{ base $path }}-files
  secret: {secretName: {{ $secret }}, defaultMode: 0440}
{{- end }}
{{- end }}
