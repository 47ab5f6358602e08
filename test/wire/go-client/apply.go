package main

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// applyConfigurations applies typed fragments, extracts what a manager owns from managedFields, changes it, and meets a conflict.
func applyConfigurations(ctx context.Context, _ *rest.Config, clients *kubernetes.Clientset) error {
	deployments := clients.AppsV1().Deployments("default")
	container := applycore.Container().WithName("main").WithImage("example.com/go:1").
		WithPorts(applycore.ContainerPort().WithContainerPort(80)).
		WithEnv(applycore.EnvVar().WithName("A").WithValue("1"))
	labels := map[string]string{"app": "applied"}
	wanted := applyapps.Deployment("applied", "default").WithLabels(labels).WithSpec(applyapps.DeploymentSpec().
		WithReplicas(2).WithSelector(applymeta.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(applycore.PodTemplateSpec().WithLabels(labels).WithSpec(applycore.PodSpec().WithContainers(container))))
	mine := metav1.ApplyOptions{FieldManager: "go"}
	made, err := deployments.Apply(ctx, wanted, mine)
	if err != nil {
		return err
	}
	owned, err := applyapps.ExtractDeployment(made, "go")
	if err != nil {
		return err
	}
	if *owned.Spec.Replicas != 2 || len(owned.Spec.Template.Spec.Containers) != 1 || owned.Spec.Template.Spec.RestartPolicy != nil {
		return fmt.Errorf("extracted too much or too little: %v", owned.Spec)
	}
	again, err := deployments.Apply(ctx, owned, mine)
	if err != nil || again.ResourceVersion != made.ResourceVersion {
		return fmt.Errorf("what was extracted is a change: %w", err)
	}
	owned.Spec.Template.Spec.Containers[0].Env = nil
	if made, err = deployments.Apply(ctx, owned, mine); err != nil || len(made.Spec.Template.Spec.Containers[0].Env) != 0 {
		return fmt.Errorf("a field given up stays: %w", err)
	}
	other := applyapps.Deployment("applied", "default").WithSpec(applyapps.DeploymentSpec().WithReplicas(5))
	if _, err := deployments.Apply(ctx, other, metav1.ApplyOptions{FieldManager: "other"}); !apierrors.IsConflict(err) ||
		!apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict) {
		return fmt.Errorf("no conflict: %v", err)
	}
	if made, err = deployments.Apply(ctx, other, metav1.ApplyOptions{FieldManager: "other", Force: true}); err != nil || *made.Spec.Replicas != 5 {
		return fmt.Errorf("force: %w", err)
	}
	status := applyapps.Deployment("applied", "default").WithStatus(applyapps.DeploymentStatus().WithObservedGeneration(3))
	if made, err = deployments.ApplyStatus(ctx, status, mine); err != nil || made.Status.ObservedGeneration != 3 {
		return fmt.Errorf("status: %w", err)
	}
	return nil
}
