from django.urls import path

from training.views import analyses, comparison, datasets, evaluations, runs, sweeps, uploads

urlpatterns = [
    path("datasets/", datasets.datasets, name="datasets"),
    path("datasets/upload/", uploads.upload_new, name="upload_new"),
    path("datasets/uploads/<int:pk>/", uploads.upload, name="upload"),
    path("datasets/uploads/<int:pk>/left-out.csv", uploads.upload_report, name="upload_report"),
    path("datasets/<int:pk>/", datasets.dataset, name="dataset"),
    path("datasets/<int:pk>/insight/", datasets.dataset_insight, name="dataset_insight"),
    path(
        "datasets/<int:pk>/<str:split>/digits/<int:digit>/",
        datasets.dataset_class,
        name="dataset_class",
    ),
    path(
        "datasets/<int:pk>/<str:split>/<int:index>.png",
        datasets.dataset_image,
        name="dataset_image",
    ),
    path(
        "datasets/<int:pk>/<str:split>/mean-<int:digit>.png",
        datasets.dataset_mean,
        name="dataset_mean",
    ),
    path(
        "datasets/<int:pk>/<str:split>/samples-<int:digit>.png",
        datasets.dataset_sheet,
        name="dataset_sheet",
    ),
    path("datasets/<int:pk>/files/<slug:format>", datasets.dataset_export, name="dataset_export"),
    path("runs/", runs.run_list, name="runs"),
    path("runs/new/", runs.run_new, name="run_new"),
    path("runs/compare/", comparison.run_compare, name="run_compare"),
    path("runs/<int:pk>/", runs.run_detail, name="run"),
    path("runs/<int:pk>/live/", runs.run_live, name="run_live"),
    path("runs/<int:pk>/events/", runs.run_events, name="run_events"),
    path("runs/<int:pk>/events.tfevents", runs.run_tensorboard, name="run_tensorboard"),
    path("runs/<int:pk>/cancel/", runs.run_cancel, name="run_cancel"),
    path("runs/<int:pk>/resume/", runs.run_resume, name="run_resume"),
    path("evaluations/new/", evaluations.evaluation_new, name="evaluation_new"),
    path("sweeps/", sweeps.sweep_list, name="sweeps"),
    path("sweeps/new/", sweeps.sweep_new, name="sweep_new"),
    path("sweeps/plan/", sweeps.sweep_plan, name="sweep_plan"),
    path("sweeps/<int:pk>/", sweeps.sweep_detail, name="sweep"),
    path("sweeps/<int:pk>/cancel/", sweeps.sweep_cancel, name="sweep_cancel"),
    path("evaluations/<int:pk>/", evaluations.evaluation_detail, name="evaluation"),
    path("evaluations/<int:pk>/analyse/", analyses.evaluation_analyse, name="evaluation_analyse"),
    path(
        "evaluations/<int:pk>/images/<int:index>/",
        analyses.evaluation_image,
        name="evaluation_image",
    ),
    path(
        "evaluations/<int:pk>/images/<int:index>/why/",
        analyses.evaluation_why,
        name="evaluation_why",
    ),
    path("evaluations/<int:pk>/<slug:part>/", analyses.evaluation_part, name="evaluation_part"),
    path(
        "evaluations/<int:pk>/<int:true>/<int:predicted>/",
        evaluations.evaluation_cell,
        name="evaluation_cell",
    ),
]
