{{/* Where a part of `dev` keeps its data: with its pod, or beyond it. */}}
{{- define "kafka-ml.dev.data" -}}
{{- if not .Values.dev.persistence.enabled }}
- {name: data, emptyDir: {}}
{{- end }}
{{- end }}

{{- define "kafka-ml.dev.claim" -}}
{{- if .Values.dev.persistence.enabled }}
volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .Values.dev.persistence.storageClass }}
      storageClassName: {{ . }}
      {{- end }}
      resources: {requests: {storage: {{ .Values.dev.persistence.size }}}}
{{- end }}
{{- end }}

{{/* A password that is made once: the one that is there, or the one that was given, or a new one. Called with the Secret's name and key. */}}
{{- define "kafka-ml.dev.password" -}}
{{- $present := lookup "v1" "Secret" .root.Release.Namespace .secret | default dict -}}
{{- .root.Values.dev.password | default (dig "data" .key "" $present | b64dec) | default (randAlphaNum 24) -}}
{{- end }}
